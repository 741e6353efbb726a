//! Folds neighbouring tokens into what they amount to: `1 + 2` is a number, `a, b` a name, `UNION` and `ALL` a phrase.
//!
//! One pass with a window of at most three tokens. What is folded goes back to the start of the window, so that the
//! first five tokens that remain are as general as they can be.

use super::fingerprint::Fingerprint;
use super::lexer::Lexer;
use super::token::{Kind, Token};
use super::words;

mod pair;
mod triple;

/// What is kept of a value.
#[derive(Clone, Debug)]
pub struct Folded<'a> {
    tokens: [Token<'a>; 8],
    len: usize,
}

impl<'a> Folded<'a> {
    /// The tokens that remain: at most five, and a sixth if it is [evil](Kind::Evil).
    pub fn tokens(&self) -> &[Token<'a>] {
        self.tokens.get(..self.len).unwrap_or_default()
    }

    /// The last one.
    pub(super) fn last_mut(&mut self) -> Option<&mut Token<'a>> {
        self.tokens.get_mut(..self.len)?.last_mut()
    }
}

/// Reads tokens until five remain or the input ends.
pub fn fold<'a>(lexer: &mut Lexer<'a>) -> Folded<'a> {
    let mut window = Window::new(lexer);
    window.skip_head();
    window.run();
    Folded { len: window.end, tokens: window.tokens }
}

/// What a rule did.
enum Step {
    /// It applied: look again from the start of the window.
    Again,
    /// None applied: widen the window, or move it.
    Settled,
    /// Nothing more is to be read.
    Stop,
}

struct Window<'a, 'l> {
    lexer: &'l mut Lexer<'a>,
    tokens: [Token<'a>; 8],
    /// The first token that is not settled.
    start: usize,
    /// Where the next token goes.
    end: usize,
    /// Whether the input may have more.
    more: bool,
    /// The comment that was read last, unless another token came after it.
    comment: Option<Token<'a>>,
}

impl<'a, 'l> Window<'a, 'l> {
    fn new(lexer: &'l mut Lexer<'a>) -> Window<'a, 'l> {
        let none = Token::new(Kind::Unknown, b"");
        Window { lexer, tokens: [none; 8], start: 0, end: 0, more: true, comment: None }
    }

    /// Takes the first token that is no comment, `(`, type or unary operator.
    fn skip_head(&mut self) {
        let heads = |token: &Token<'_>| matches!(token.kind(), Kind::Comment | Kind::LeftParen | Kind::Type);
        match self.lexer.find(|token| !heads(token) && !token.is_unary()) {
            Some(token) => {
                self.set(0, token);
                self.end = 1;
            }
            None => self.more = false,
        }
    }

    fn run(&mut self) {
        loop {
            if self.end >= Fingerprint::LONGEST {
                self.restart_full();
            }
            if !self.more || self.start >= Fingerprint::LONGEST {
                break;
            }
            self.fill(2);
            if self.end < self.start + 2 {
                self.start = self.end;
                continue;
            }
            match self.pair() {
                Step::Again => continue,
                Step::Stop => return,
                Step::Settled => {}
            }
            self.fill(3);
            if self.end < self.start + 3 {
                self.start = self.end;
                continue;
            }
            if matches!(self.triple(), Step::Settled) {
                self.start += 1;
            }
        }
        if let Some(comment) = self.comment.filter(|_| self.end < Fingerprint::LONGEST) {
            self.set(self.end, comment);
            self.end += 1;
        }
        self.end = self.end.min(Fingerprint::LONGEST);
    }

    /// When five tokens are sums in parentheses, lists or calls that say nothing yet, begins again after the first.
    fn restart_full(&mut self) {
        use Kind::{Bareword, Comma, LeftParen, Number, Operator, RightParen};
        let kinds = [0, 1, 2, 3, 4].map(|at| self.get(at).kind());
        let says_nothing = matches!(
            kinds,
            [Number, Operator | Comma, LeftParen, Number, RightParen]
                | [Bareword, Operator, LeftParen, Bareword | Number, RightParen]
                | [Number, RightParen, Comma, LeftParen, Number]
                | [Bareword, RightParen, Operator, LeftParen, Bareword]
        );
        if !says_nothing {
            return;
        }
        let sixth = self.end > Fingerprint::LONGEST;
        if sixth {
            self.set(1, self.get(Fingerprint::LONGEST));
        }
        self.end = if sixth { 2 } else { 1 };
        self.start = 0;
    }

    /// Reads until the window has so many tokens. Comments are set aside.
    fn fill(&mut self, tokens: usize) {
        while self.more && self.end <= Fingerprint::LONGEST && self.end < self.start + tokens {
            match self.lexer.next() {
                Some(token) if token.kind() == Kind::Comment => self.comment = Some(token),
                Some(token) => {
                    self.comment = None;
                    self.set(self.end, token);
                    self.end += 1;
                }
                None => self.more = false,
            }
        }
    }

    /// Drops so many tokens from the end, and looks again from the first.
    fn drop(&mut self, tokens: usize) -> Step {
        self.end -= tokens.min(self.end);
        self.start = 0;
        Step::Again
    }

    /// Puts one token in the place of the one before, and looks again from the first.
    fn replace(&mut self, at: usize, with: Token<'a>) -> Step {
        self.set(at, with);
        self.drop(1)
    }

    #[expect(clippy::indexing_slicing, reason = "the index is masked to the length of the array")]
    fn get(&self, at: usize) -> Token<'a> {
        self.tokens[at & 7]
    }

    #[expect(clippy::indexing_slicing, reason = "the index is masked to the length of the array")]
    fn set(&mut self, at: usize, token: Token<'a>) {
        self.tokens[at & 7] = token;
    }

    fn set_kind(&mut self, at: usize, kind: Kind) {
        self.set(at, self.get(at).with_kind(kind));
    }

    /// Makes a phrase of two words, if the list has it.
    fn merge(&mut self, first: Token<'a>, second: Token<'a>) -> bool {
        use Kind::{Bareword, Expression, Function, Keyword, Logic, Operator, Statement, Type, Union};
        let word =
            |kind| matches!(kind, Keyword | Bareword | Operator | Union | Function | Expression | Statement | Type);
        if !word(first.kind()) || !(word(second.kind()) || second.kind() == Logic) {
            return false;
        }
        let Some((kind, text)) = words::phrase(first.text, second.text) else { return false };
        self.set(self.start, Token::new(kind, text).with_quotes(first.open(), first.close()));
        true
    }
}
