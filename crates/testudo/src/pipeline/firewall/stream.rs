//! A body that is too long to be held: firewall and contract judge it as it flows.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use testudo_contract::{Checked, Uploads};
use testudo_core::Decision;
use testudo_gateway::BodyWatch;
use testudo_waf::seclang::Processor;

use super::super::body::HELD;
use super::super::decode::Undo;
use super::{SUSPECTED, Shared, refusal};

/// What came of a body that flowed. Nothing is said of one that nobody refuses.
#[derive(Default)]
pub struct Flowed {
    /// The refusal.
    pub decision: Decision,
    /// What the contract has against it.
    pub checked: Checked,
}

/// Whoever sends a body on learns here what its judges said.
pub type Flow = Rc<RefCell<Flowed>>;

/// What looks at a body that flows.
pub(super) struct Stream {
    firewall: Option<Shared>,
    uploads: Option<Uploads>,
    undo: Undo,
    /// Bytes that are still given to the rules. Of what nothing reads, the beginning is all that rules may ask for.
    left: usize,
    /// Whether all of the body was read until now.
    whole: bool,
    /// What is refused passes nevertheless, and is told.
    observe: bool,
    flow: Flow,
}

impl Stream {
    /// `limit` is how many bytes of a body that nothing reads the rules may see.
    pub(super) fn new(
        firewall: Option<Shared>,
        uploads: Option<Uploads>,
        undo: Undo,
        limit: u64,
        observe: bool,
    ) -> Stream {
        let read = firewall.as_ref().is_some_and(|shared| shared.borrow().processor() == Some(Processor::Multipart));
        let beginning = HELD.min(usize::try_from(limit).unwrap_or(usize::MAX));
        let left = if read { usize::MAX } else { beginning };
        Stream { firewall, uploads, undo, left, whole: true, observe, flow: Flow::default() }
    }

    pub(super) fn flow(&self) -> Flow {
        Rc::clone(&self.flow)
    }

    /// Whether anybody still looks at what comes.
    fn reads(&self) -> bool {
        self.uploads.is_some() || (self.firewall.is_some() && self.left > 0)
    }

    fn refuse(&mut self, decision: Decision, checked: Checked) -> Result<(), &'static str> {
        let code = match decision.reasons().first().map(|reason| &reason.code) {
            Some(Cow::Borrowed(code)) => *code,
            _ => SUSPECTED,
        };
        (self.firewall, self.uploads) = (None, None);
        *self.flow.borrow_mut() = Flowed { decision, checked };
        if self.observe { Ok(()) } else { Err(code) }
    }

    /// What the firewall says, if it refuses.
    fn verdict(&mut self) -> Result<(), &'static str> {
        let said = self.firewall.as_ref().and_then(|shared| shared.borrow().intervention().map(refusal));
        said.map_or(Ok(()), |decision| self.refuse(decision, Checked::default()))
    }
}

impl BodyWatch for Stream {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        if !self.reads() {
            self.whole = false;
            return Ok(());
        }
        let mut wrong = None;
        let (firewall, uploads, left) = (&self.firewall, &mut self.uploads, &mut self.left);
        let fed = self.undo.feed(bytes, |piece| {
            if let Some(shared) = firewall
                && *left > 0
            {
                shared.borrow_mut().request_body(piece.get(..*left).unwrap_or(piece));
                *left = left.saturating_sub(piece.len());
            }
            if let Some(uploads) = uploads
                && wrong.is_none()
            {
                wrong = uploads.push(piece).err();
            }
        });
        if let Err(unread) = fed {
            return self.refuse(unread.decision(), Checked::default());
        }
        if let Some(checked) = wrong {
            return self.refuse(checked.decision(), checked);
        }
        self.uploads = self.uploads.take().filter(|uploads| !uploads.is_settled());
        self.verdict()
    }

    fn end(&mut self) -> Result<(), &'static str> {
        if self.whole
            && self.reads()
            && let Err(unread) = self.undo.finish(false)
        {
            return self.refuse(unread.decision(), Checked::default());
        }
        if let Some(Err(checked)) = self.uploads.as_mut().map(Uploads::finish) {
            return self.refuse(checked.decision(), checked);
        }
        if let Some(shared) = &self.firewall {
            shared.borrow_mut().request_end();
        }
        self.verdict()
    }
}
