//! What the fuzz targets check; `tests/replay.rs` runs the same on stable.

use testudo_core::Timestamp;
use testudo_response::Playbook;

/// A playbook is read or refused with a place in the file; what is read has an end for all that must end, and a CACAO
/// form.
pub fn playbook(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Playbook::read("fuzz.toml", text) {
        Ok(playbook) => {
            assert!(playbook.steps.iter().all(|step| step.does.is_limited() == step.lasts.is_some()));
            assert!(playbook.steps.iter().all(|step| step.does.selects().is_empty() == step.select.is_none()));
            let cacao = playbook.to_cacao(Timestamp::EPOCH, |name| name.len().to_string());
            assert!(cacao.is_object());
        }
        Err(error) => {
            assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1 && error.column >= 1);
            assert!(!error.to_string().contains('\n'));
        }
    }
}
