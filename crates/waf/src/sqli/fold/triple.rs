//! Rules over three tokens.

use super::{Step, Window};
use crate::sqli::token::Kind;

impl Window<'_, '_> {
    /// Folds the first three tokens of the window.
    pub(super) fn triple(&mut self) -> Step {
        use Kind::{
            Bareword, Comma, Dot, Expression, Function, Group, Keyword, LeftParen, Logic, Number, Operator, RightParen,
            String, Type, Variable,
        };
        let start = self.start;
        let (first, second, third) = (self.get(start), self.get(start + 1), self.get(start + 2));
        match (first.kind(), second.kind(), third.kind()) {
            (Number | Bareword, Operator, Number | Bareword)
            | (Variable, Operator, Variable | Number | Bareword)
            | (Logic, _, Logic)
            | (Bareword | Number | String | Variable, Comma, Number | Bareword | String | Variable)
            | (Bareword, Dot, Bareword) => self.drop(2),
            (Operator, between, Operator) if between != LeftParen => self.drop(2),
            (Bareword | Number | Variable | String, Operator, Type) if second.text == b"::" => self.drop(2),
            (Expression | Group | Comma, _, LeftParen)
            | (Keyword | Expression | Group, _, Number | Bareword | Variable | String | Function)
            | (Comma, _, Function)
                if second.is_unary() =>
            {
                self.replace(start + 1, third)
            }
            // `, -1` goes whole, so that `1, -1` is seen again as it would be without the sign.
            (Comma, _, Number | Bareword | Variable | String) if second.is_unary() => self.drop(3),
            (Expression, Dot, Bareword) => self.replace(start + 1, third),
            // `USER()` is a function, `USER(x)` is not.
            (Function, LeftParen, after) if after != RightParen && first.says("USER") => {
                self.set_kind(start, Bareword);
                Step::Settled
            }
            _ => Step::Settled,
        }
    }
}
