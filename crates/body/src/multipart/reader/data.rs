//! Data of a part, without the line end that belongs to the boundary behind it.

use super::{Reader, State, Token};
use crate::multipart::Halt;

/// Hands out data, and keeps back a line end until it is known what follows.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    /// Whether a line of data came.
    pub(super) begun: bool,
    /// Where the next byte to hand out stands.
    pub(super) at: usize,
    /// Bytes handed out.
    pub(super) len: u64,
    kept: LineEnd,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum LineEnd {
    #[default]
    None,
    Cr,
    Lf,
    CrLf,
}

impl LineEnd {
    fn bytes(self) -> &'static [u8] {
        match self {
            LineEnd::None => b"",
            LineEnd::Cr => b"\r",
            LineEnd::Lf => b"\n",
            LineEnd::CrLf => b"\r\n",
        }
    }
}

impl Data {
    /// The next bytes.
    pub(super) fn push<E>(
        &mut self,
        bytes: &[u8],
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes == b"\n" && self.kept == LineEnd::Cr {
            self.kept = LineEnd::CrLf;
            return Ok(());
        }
        // A line feed that completes the line end kept back is data with it.
        self.flush(give)?;
        self.kept = match bytes {
            [.., b'\r', b'\n'] => LineEnd::CrLf,
            [.., b'\n'] => LineEnd::Lf,
            [.., b'\r'] => LineEnd::Cr,
            _ => LineEnd::None,
        };
        let data = bytes.len() - self.kept.bytes().len();
        self.hand_out(bytes.get(..data).unwrap_or(bytes), give)
    }

    /// Hands out the line end that was kept back.
    pub(super) fn flush<E>(&mut self, give: &mut impl FnMut(&Token<'_>) -> Result<(), E>) -> Result<(), E> {
        let kept = std::mem::take(&mut self.kept);
        self.hand_out(kept.bytes(), give)
    }

    fn hand_out<E>(&mut self, bytes: &[u8], give: &mut impl FnMut(&Token<'_>) -> Result<(), E>) -> Result<(), E> {
        if bytes.is_empty() {
            return Ok(());
        }
        let offset = self.at;
        self.at += bytes.len();
        self.len += bytes.len() as u64;
        give(&Token::Data { offset, bytes })
    }
}

impl Reader {
    pub(super) fn emit<E>(
        &mut self,
        bytes: &[u8],
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Result<(), Halt<E>> {
        if self.state != State::Data {
            return Ok(());
        }
        self.data.push(bytes, give).map_err(Halt::Visitor)?;
        self.check_len()
    }

    pub(super) fn emit_line_end<E>(
        &mut self,
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Result<(), Halt<E>> {
        if self.state != State::Data {
            return Ok(());
        }
        self.data.flush(give).map_err(Halt::Visitor)?;
        self.check_len()
    }

    pub(super) fn check_len<E>(&mut self) -> Result<(), Halt<E>> {
        let most = self.limits.value;
        if self.data.len <= most || self.part.is_file() {
            return Ok(());
        }
        let excess = usize::try_from(self.data.len - most).unwrap_or(usize::MAX);
        Err(self.fail("bytes in a field", most, self.data.at.saturating_sub(excess)).into())
    }
}
