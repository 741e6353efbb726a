//! Follows a document with its marks, and decides about each value.
//!
//! Input is consumed in order, either given out or skipped; `done` is how far. Nothing is copied until something must
//! be replaced or the chunk ends.
//!
//! Where members may be removed, the comma, key and colon before a value wait for it (`waiting`): the value decides
//! whether they stay. A member is removed together with the comma before it, or, when all before it were removed, with
//! the comma behind it.

use testudo_body::json::{Path, Text, Token, Visit, quote};
use testudo_core::Span;

use super::{MaskError, Masked, Masking};
use crate::detect::{self, Found};
use crate::marks::At;
use crate::partial::HIDDEN;
use crate::{ClassSet, DataClass, Treatment};

/// Most bytes that wait for a value, beyond what is held of the value itself.
const MOST_WAITING: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Engine {
    pub(super) masking: Masking,
    pub(super) masked: Masked,
    /// Detectors look at what is not marked.
    detects: bool,
    /// Of these classes.
    treated: ClassSet,
    /// Members may be removed, so that commas and keys wait.
    removes: bool,
    frames: Vec<Frame>,
    /// The member whose value is due, or the document.
    member: Place,
    /// The key of that member, when detectors want it.
    key: Vec<u8>,
    /// How far the input was given out or skipped.
    done: usize,
    /// What came before this chunk and is not done.
    pub(super) held: Vec<u8>,
    /// Where the comma or key begins that waits for its value.
    waiting: Option<usize>,
    /// The key that waits is to be replaced.
    replaced_key: Option<(Span, String)>,
    /// How many containers are open within the one that is being removed, itself included.
    removing: usize,
    long: Long,
    found: Vec<Found>,
}

/// A container that is open.
#[derive(Clone, Copy, Debug)]
struct Frame {
    object: bool,
    place: Place,
    /// What the elements of an array are.
    item: Place,
    /// Whether a member or element was kept.
    kept: bool,
}

/// What is known about a value before it is seen.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: At,
    /// Its classes and those of the containers around it.
    classes: ClassSet,
    /// Detectors leave it alone.
    exempt: bool,
    treatment: Treatment,
    class: DataClass,
}

/// What happens to a string of which parts come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Long {
    Kept,
    Skipped,
}

impl Engine {
    pub(super) fn new(masking: Masking) -> Engine {
        let plan = masking.plan;
        let detects = plan.detects();
        let removes = |class| {
            let treatment = plan.treatment(class);
            let found = detects && treatment == Treatment::Null && detect::has_detector(class);
            let key = treatment == Treatment::Null && masking.marks.key_classes().has(class);
            treatment == Treatment::Drop || found || key
        };
        let mut engine = Engine {
            detects,
            treated: plan.treated(),
            removes: DataClass::ALL.into_iter().any(removes),
            masking,
            masked: Masked::default(),
            frames: Vec::new(),
            member: Place::UNKNOWN,
            key: Vec::new(),
            done: 0,
            held: Vec::new(),
            waiting: None,
            replaced_key: None,
            removing: 0,
            long: Long::Kept,
            found: Vec::new(),
        };
        engine.reset();
        engine
    }

    /// Begins a new input.
    pub(super) fn reset(&mut self) {
        self.begin_document();
        self.done = 0;
        self.held.clear();
        self.long = Long::Kept;
    }

    fn begin_document(&mut self) {
        self.frames.clear();
        self.member = self.place(At::ROOT, ClassSet::EMPTY, false);
        self.key.clear();
        self.waiting = None;
        self.replaced_key = None;
        self.removing = 0;
    }

    /// A place below others with these classes.
    #[inline]
    fn place(&self, at: At, above: ClassSet, exempt: bool) -> Place {
        let (own, own_exempt) = self.masking.marks.at(at);
        let classes = above.union(own);
        let exempt = exempt || own_exempt;
        if classes.is_empty() {
            return Place { at, exempt, ..Place::UNKNOWN };
        }
        let (treatment, class) = self.masking.plan.strictest(classes).unwrap_or(Place::STRICTEST);
        Place { at, classes, exempt, treatment, class }
    }

    /// The value that is due.
    #[inline]
    fn value(&self) -> Place {
        match self.frames.last() {
            Some(frame) if !frame.object => frame.item,
            _ => self.member,
        }
    }

    /// Whether detectors look at an unmarked string here. A value that is marked and shown plain has been decided
    /// about, unless it is text, in which anything may stand.
    fn looks_at(&self, place: &Place) -> bool {
        use DataClass::{Address, FreeText, Health, Name};
        if !self.detects || place.exempt || place.classes.is_empty() {
            return self.detects && !place.exempt;
        }
        place.classes.iter().all(|class| matches!(class, FreeText | Health | Address | Name))
    }
}

impl Place {
    const UNKNOWN: Place = Place {
        at: At::ROOT,
        classes: ClassSet::EMPTY,
        exempt: false,
        treatment: Treatment::Plain,
        class: DataClass::FreeText,
    };
    const STRICTEST: (Treatment, DataClass) = (Treatment::Drop, DataClass::FreeText);
}

/// One chunk on its way through.
pub(super) struct Pass<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) chunk: &'a [u8],
    /// The offset of the chunk.
    pub(super) base: usize,
    pub(super) out: &'a mut Vec<u8>,
}

impl Visit for Pass<'_> {
    type Stop = MaskError;

    fn token(&mut self, token: &Token<'_>, _: &Path) -> Result<(), MaskError> {
        if self.engine.removing > 0 {
            self.within_removed(token);
            return Ok(());
        }
        if let Some(waiting) = self.engine.waiting
            && start(token).is_some_and(|start| start - waiting > MOST_WAITING)
        {
            return Err(MaskError::TooMuchSpace(MOST_WAITING));
        }
        match token {
            Token::Key { text, .. } => self.key(text),
            Token::String(text) => self.string(text),
            Token::Number { span, raw } => self.number(*span, raw),
            Token::Bool { span, .. } => self.bool(*span),
            Token::Null(span) => self.null(*span),
            Token::BeginObject(at) => self.open(true, *at),
            Token::BeginArray(at) => self.open(false, *at),
            Token::EndObject(_) | Token::EndArray(_) => drop(self.engine.frames.pop()),
            Token::Comma(at) => self.comma(*at),
            Token::BeginString(at) => self.long_string(*at),
            Token::StringPart(_) => {}
            Token::EndString(span) => {
                if self.engine.long == Long::Skipped {
                    self.skip_to(span.end);
                    self.engine.long = Long::Kept;
                }
            }
            Token::EndDocument(_) => self.engine.begin_document(),
        }
        Ok(())
    }
}

impl Pass<'_> {
    /// The chunk has ended: gives out what may be given. `pending` is where a token begins that goes on.
    pub(super) fn end(&mut self, pending: Option<usize>) -> Result<(), MaskError> {
        let end = self.base + self.chunk.len();
        if self.engine.removing > 0 || self.engine.long == Long::Skipped {
            self.skip_to(end);
            return Ok(());
        }
        let safe = pending.unwrap_or(end).min(self.engine.waiting.unwrap_or(end));
        self.give_to(safe);
        let rest = self.engine.done.saturating_sub(self.base);
        self.engine.held.extend_from_slice(self.chunk.get(rest..).unwrap_or_default());
        let waits = pending.unwrap_or(end) - safe;
        if waits > MOST_WAITING { Err(MaskError::TooMuchSpace(MOST_WAITING)) } else { Ok(()) }
    }

    fn open(&mut self, object: bool, at: usize) {
        let place = self.engine.value();
        if place.treatment == Treatment::Drop {
            self.engine.masked.count_marked(place.class);
            self.remove_from(at);
            self.engine.removing = 1;
            return;
        }
        self.keep();
        let engine = &mut *self.engine;
        let item = if object {
            Place::UNKNOWN
        } else {
            engine.place(engine.masking.marks.item(place.at), place.classes, place.exempt)
        };
        engine.frames.push(Frame { object, place, item, kept: false });
    }

    fn within_removed(&mut self, token: &Token<'_>) {
        match token {
            Token::BeginObject(_) | Token::BeginArray(_) => self.engine.removing += 1,
            Token::EndObject(at) | Token::EndArray(at) => {
                self.engine.removing -= 1;
                if self.engine.removing == 0 {
                    self.skip_to(at + 1);
                }
            }
            _ => {}
        }
    }

    fn comma(&mut self, at: usize) {
        if !self.engine.removes {
            return;
        }
        if self.engine.frames.last().is_some_and(|frame| frame.kept) {
            self.engine.waiting = Some(at);
        } else {
            self.give_to(at);
            self.skip_to(at + 1);
        }
    }

    #[inline]
    fn key(&mut self, text: &Text<'_>) {
        let engine = &mut *self.engine;
        let Some(frame) = engine.frames.last() else { return };
        let above = frame.place;
        let next = if text.escaped {
            engine.masking.marks.member(above.at, &text.bytes())
        } else {
            engine.masking.marks.member(above.at, text.raw)
        };
        engine.member = engine.place(next, above.classes, above.exempt);
        if engine.removes && engine.waiting.is_none() {
            engine.waiting = Some(text.span.start);
        }
        let classes = engine.masking.marks.keys(above.at);
        if !classes.is_empty() && self.treat_key(text, classes) {
            return;
        }
        if self.engine.detects {
            self.look_at_key(text);
        }
    }

    /// A key under a mark. Whether that was all that there is to do with it.
    fn treat_key(&mut self, text: &Text<'_>, classes: ClassSet) -> bool {
        let engine = &mut *self.engine;
        let Some((treatment, class)) = engine.masking.plan.strictest(classes) else { return false };
        if treatment == Treatment::Plain {
            return false;
        }
        let Some(shown) = engine.masking.shown(treatment, class, &text.decode()) else {
            // The member goes with its key, and is counted when its value comes.
            engine.member = Place { treatment: Treatment::Drop, class, ..engine.member };
            return true;
        };
        engine.masked.count_marked(class);
        if engine.waiting.is_some() {
            engine.replaced_key = Some((text.span, shown));
        } else {
            self.replace(text.span, &shown);
        }
        true
    }

    /// Keys may be data too: of maps by email, for one.
    fn look_at_key(&mut self, text: &Text<'_>) {
        let engine = &mut *self.engine;
        let said = text.bytes();
        engine.key.clear();
        engine.key.extend_from_slice(&said);
        if engine.member.exempt {
            return;
        }
        detect::find(&said, b"", engine.treated, &mut engine.found);
        let Some((treatment, class)) = engine.masking.strictest_of(&engine.found) else { return };
        if treatment >= Treatment::Null {
            engine.member = Place { treatment: Treatment::Drop, class, ..engine.member };
            return;
        }
        let shown = engine.masking.replaced(&text.decode(), &engine.found, &mut engine.masked);
        if engine.waiting.is_some() {
            engine.replaced_key = Some((text.span, shown));
        } else {
            self.replace(text.span, &shown);
        }
    }

    #[inline]
    fn string(&mut self, text: &Text<'_>) {
        let place = self.engine.value();
        if place.treatment == Treatment::Plain {
            if self.engine.looks_at(&place) {
                self.look_at(text);
            } else {
                self.keep();
            }
        } else if text.raw.is_empty() && place.treatment != Treatment::Drop {
            self.keep();
        } else if self.engine.masking.holds(text.raw.len()) {
            self.treat(place, text.span, &text.decode());
        } else {
            self.hide(place, text.span.start);
            self.skip_to(text.span.end);
        }
    }

    /// Looks for data in a string that is not marked.
    fn look_at(&mut self, text: &Text<'_>) {
        if !self.engine.masking.holds(text.raw.len()) {
            self.hide_unread(text.span.start);
            self.skip_to(text.span.end);
            return;
        }
        let engine = &mut *self.engine;
        if text.escaped {
            detect::find(&text.bytes(), &engine.key, engine.treated, &mut engine.found);
        } else {
            detect::find(text.raw, &engine.key, engine.treated, &mut engine.found);
        }
        let Some((treatment, class)) = engine.masking.strictest_of(&engine.found) else {
            self.keep();
            return;
        };
        if treatment >= Treatment::Null {
            engine.masked.count_found(class);
            self.keep_or_remove(treatment, text.span);
            return;
        }
        let shown = engine.masking.replaced(&text.decode(), &engine.found, &mut engine.masked);
        self.keep();
        self.replace(text.span, &shown);
    }

    fn number(&mut self, span: Span, raw: &[u8]) {
        let place = self.engine.value();
        let written = String::from_utf8_lossy(raw);
        if place.treatment != Treatment::Plain {
            self.treat(place, span, &written);
        } else if self.engine.looks_at(&place)
            && let Some(class) = detect::number(raw, self.engine.treated)
        {
            self.engine.masked.count_found(class);
            self.show(self.engine.masking.plan.treatment(class), class, span, &written);
        } else {
            self.keep();
        }
    }

    fn bool(&mut self, span: Span) {
        let place = self.engine.value();
        if place.treatment == Treatment::Plain {
            self.keep();
        } else {
            self.engine.masked.count_marked(place.class);
            self.keep_or_remove(place.treatment, span);
        }
    }

    fn null(&mut self, span: Span) {
        let place = self.engine.value();
        if place.treatment == Treatment::Drop {
            self.engine.masked.count_marked(place.class);
            self.keep_or_remove(Treatment::Drop, span);
        } else {
            self.keep();
        }
    }

    /// Shows a marked value as its treatment says.
    fn treat(&mut self, place: Place, span: Span, value: &str) {
        self.engine.masked.count_marked(place.class);
        self.show(place.treatment, place.class, span, value);
    }

    fn show(&mut self, treatment: Treatment, class: DataClass, span: Span, value: &str) {
        match self.engine.masking.shown(treatment, class, value) {
            None => self.keep_or_remove(treatment, span),
            Some(shown) => {
                self.keep();
                self.replace(span, &shown);
            }
        }
    }

    /// `null`, or nothing.
    fn keep_or_remove(&mut self, treatment: Treatment, span: Span) {
        if treatment == Treatment::Drop {
            self.remove_from(span.start);
            self.skip_to(span.end);
        } else {
            self.put_null(span.start);
            self.skip_to(span.end);
        }
    }

    /// A string comes in parts, because it is longer than is held.
    fn long_string(&mut self, start: usize) {
        let place = self.engine.value();
        if place.treatment != Treatment::Plain {
            self.hide(place, start);
        } else if self.engine.looks_at(&place) {
            self.hide_unread(start);
        } else {
            self.keep();
            return;
        }
        self.engine.long = Long::Skipped;
    }

    /// Shows nothing of a marked string that is too long; it must be skipped then.
    fn hide(&mut self, place: Place, start: usize) {
        self.engine.masked.count_marked(place.class);
        match place.treatment {
            Treatment::Drop => self.remove_from(start),
            Treatment::Null => self.put_null(start),
            _ => self.put_hidden(start),
        }
    }

    fn hide_unread(&mut self, start: usize) {
        self.engine.masked.unread += 1;
        self.put_hidden(start);
    }

    fn put_hidden(&mut self, start: usize) {
        self.keep();
        self.give_to(start);
        quote(HIDDEN, self.out);
    }

    fn put_null(&mut self, start: usize) {
        self.keep();
        self.give_to(start);
        self.out.extend_from_slice(b"null");
    }

    /// The value stays, and so does what waited for it.
    #[inline]
    fn keep(&mut self) {
        self.engine.waiting = None;
        if let Some(frame) = self.engine.frames.last_mut() {
            frame.kept = true;
        }
        if self.engine.replaced_key.is_some() {
            self.give_key();
        }
    }

    #[cold]
    fn give_key(&mut self) {
        if let Some((span, shown)) = self.engine.replaced_key.take() {
            self.replace(span, &shown);
        }
    }

    /// Removes what waited for the value that begins here; the value must be skipped then.
    fn remove_from(&mut self, start: usize) {
        self.engine.replaced_key = None;
        let waiting = self.engine.waiting.take();
        self.give_to(waiting.unwrap_or(start));
        if self.engine.frames.is_empty() {
            self.out.extend_from_slice(b"null");
        }
    }

    /// Puts a string in the place of a value or key.
    fn replace(&mut self, span: Span, shown: &str) {
        self.give_to(span.start);
        quote(shown, self.out);
        self.skip_to(span.end);
    }

    /// Gives out the input up to here.
    fn give_to(&mut self, to: usize) {
        let engine = &mut *self.engine;
        if engine.done < self.base && to > engine.done {
            let length = (to - engine.done).min(engine.held.len());
            self.out.extend(engine.held.drain(..length));
            engine.done += length;
        }
        if to > engine.done {
            let part = self.chunk.get(engine.done - self.base..to - self.base).unwrap_or_default();
            self.out.extend_from_slice(part);
            engine.done = to;
        }
    }

    /// Leaves the input out up to here.
    fn skip_to(&mut self, to: usize) {
        let engine = &mut *self.engine;
        if to > engine.done {
            let length = (to - engine.done).min(engine.held.len());
            engine.held.drain(..length);
            engine.done = to;
        }
    }
}

/// Where a key or value begins.
fn start(token: &Token<'_>) -> Option<usize> {
    match token {
        Token::Key { text, .. } | Token::String(text) => Some(text.span.start),
        Token::Number { span, .. } | Token::Bool { span, .. } | Token::Null(span) => Some(span.start),
        Token::BeginObject(at) | Token::BeginArray(at) | Token::BeginString(at) => Some(*at),
        _ => None,
    }
}
