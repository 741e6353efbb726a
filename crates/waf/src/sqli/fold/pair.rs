//! Rules over two tokens.

use super::{Step, Window};
use crate::sqli::token::{Kind, Token};

/// Functions that are called without parentheses, or whose names serve as columns.
const NAMES_OR_FUNCTIONS: [&str; 11] = [
    "USER_ID",
    "USER_NAME",
    "DATABASE",
    "PASSWORD",
    "USER",
    "CURRENT_USER",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "LOCALTIME",
    "LOCALTIMESTAMP",
];

impl Window<'_, '_> {
    /// Folds the first two tokens of the window.
    pub(super) fn pair(&mut self) -> Step {
        use Kind::{
            Backslash, Bareword, Collate, Function, Keyword, LeftBrace, LeftParen, Logic, Operator, RightBrace,
            RightParen, Semicolon, String, Type, Variable,
        };
        let (first, second) = (self.get(self.start), self.get(self.start + 1));
        match (first.kind(), second.kind()) {
            // Strings side by side are one string, and repeated separators are one.
            (String, String) | (Semicolon, Semicolon) => return self.forget_second(),
            (Operator | Logic, Type) => return self.drop(1),
            (Operator | Logic, _) if second.is_unary() => return self.drop(1),
            (LeftParen, _) if second.is_unary() => {
                self.start = self.start.saturating_sub(1);
                return self.forget_second();
            }
            _ => {}
        }
        if self.merge(first, second) {
            self.start = self.start.saturating_sub(1);
            return self.forget_second();
        }
        match (first.kind(), second.kind()) {
            // `IF` is a function, except that T-SQL begins statements with it.
            (Semicolon, Function) if second.begins("IF") => self.rename(1, Kind::Statement),
            (Bareword | Variable, LeftParen) if NAMES_OR_FUNCTIONS.iter().any(|name| first.says(name)) => {
                self.rename(0, Function)
            }
            (Keyword, _) if first.says("IN") || first.says("NOT IN") => {
                self.rename(0, if second.kind() == LeftParen { Operator } else { Bareword })
            }
            (Operator, _) if first.says("LIKE") || first.says("NOT LIKE") => {
                if second.kind() == LeftParen {
                    self.set_kind(self.start, Function);
                }
                Step::Settled
            }
            (Type, Bareword | Kind::Number | Type | LeftParen | Function | Variable | String) => {
                self.replace(self.start, second)
            }
            // There are too many collations to list: those with a `_` are.
            (Collate, Bareword) => {
                if names_collation(&second) {
                    self.set_kind(self.start + 1, Type);
                    self.start = 0;
                }
                Step::Settled
            }
            (Backslash, _) if second.is_arithmetic() => {
                let step = self.rename(0, Kind::Number);
                self.start = 0;
                step
            }
            (Backslash, _) => self.replace(self.start, second),
            // MySQL takes an empty name in braces for something else than it looks like.
            (LeftBrace, Bareword) if second.text.is_empty() => {
                self.set_kind(self.start + 1, Kind::Evil);
                self.end = self.start + 2;
                Step::Stop
            }
            (LeftBrace, Bareword) => self.drop(2),
            (LeftParen, LeftParen) | (RightParen, RightParen) | (_, RightBrace) => self.drop(1),
            _ => Step::Settled,
        }
    }

    /// Drops the last token, and looks again from where the window is.
    fn forget_second(&mut self) -> Step {
        self.end -= 1;
        Step::Again
    }

    fn rename(&mut self, at: usize, kind: Kind) -> Step {
        self.set_kind(self.start + at, kind);
        Step::Again
    }
}

fn names_collation(token: &Token<'_>) -> bool {
    token.text.iter().take_while(|byte| **byte != 0).any(|byte| *byte == b'_')
}
