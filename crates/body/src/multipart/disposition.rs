//! `Content-Disposition` of a part (RFC 7578, 4.2; RFC 5987 for `filename*`).

use super::Flags;

/// What the header says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Disposition {
    pub(super) name: Vec<u8>,
    pub(super) filename: Vec<u8>,
    pub(super) extended: Option<ExtendedName>,
}

/// A file name with its character set, from `filename*`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtendedName {
    /// The character set.
    pub charset: Vec<u8>,
    /// The language, which may be empty.
    pub language: Vec<u8>,
    /// The name in that character set, with escapes resolved.
    pub name: Vec<u8>,
}

/// Reads the header's value as far as it can, and says what is wrong with it.
pub(super) fn parse(value: &[u8], flags: &mut Flags) -> (Disposition, Result<(), &'static str>) {
    let mut disposition = Disposition::default();
    let result = Parameters { whole: value, rest: value, flags, disposition: &mut disposition }.read();
    (disposition, result)
}

struct Parameters<'a, 'd> {
    whole: &'a [u8],
    rest: &'a [u8],
    flags: &'d mut Flags,
    disposition: &'d mut Disposition,
}

impl<'a> Parameters<'a, '_> {
    fn read(&mut self) -> Result<(), &'static str> {
        self.rest = self.rest.strip_prefix(b"form-data").ok_or("it is not form-data")?;
        self.skip_blanks();
        while let Some((first, after)) = self.rest.split_first() {
            if *first != b';' {
                return Err("something else than `;` follows");
            }
            self.rest = after;
            if !after.is_empty() {
                self.parameter()?;
            }
        }
        let hidden = self.disposition.filename.is_empty() && self.disposition.extended.is_some();
        if hidden { Err("`filename*` without `filename`") } else { Ok(()) }
    }

    fn parameter(&mut self) -> Result<(), &'static str> {
        self.skip_blanks();
        let name = self.take_while(|byte| !matches!(byte, b'=' | b'\t' | b' '));
        self.skip_blanks();
        self.rest = self.rest.strip_prefix(b"=").ok_or("a parameter without `=`")?;
        self.skip_blanks();
        if self.rest.is_empty() {
            return Err("a parameter without value");
        }
        match name {
            b"filename*" => {
                let extended = self.extended()?;
                if self.disposition.extended.replace(extended).is_some() {
                    return Err("`filename*` comes twice");
                }
            }
            b"name" | b"filename" => {
                let value = self.value()?;
                let slot = if name == b"name" { &mut self.disposition.name } else { &mut self.disposition.filename };
                if !slot.is_empty() {
                    return Err("a parameter comes twice");
                }
                *slot = value;
            }
            _ => return Err("an unknown parameter"),
        }
        self.skip_blanks();
        let last = self.whole.len().checked_sub(self.rest.len() + 1).and_then(|last| self.whole.get(last));
        if self.rest.first().is_some_and(|byte| *byte != b';') && matches!(last, Some(b'"' | b'\'')) {
            *self.flags |= Flags::INVALID_QUOTING;
        }
        Ok(())
    }

    /// A value with or without quotes. Some servers take `'` for a quote, so that it is one, and flagged.
    fn value(&mut self) -> Result<Vec<u8>, &'static str> {
        let quoted = self.rest.split_first().filter(|(first, _)| matches!(first, b'"' | b'\''));
        let Some((&quote, after)) = quoted else {
            let token = self.take_while(is_token);
            self.flag_quote(token);
            return Ok(token.to_vec());
        };
        if quote == b'\'' {
            *self.flags |= Flags::INVALID_QUOTING;
        }
        let mut value = Vec::new();
        self.rest = after;
        loop {
            let (byte, after) = self.rest.split_first().ok_or("a quote is missing")?;
            self.rest = after;
            match (*byte, after.first()) {
                (b'\\', None) => return Err("a backslash before nothing"),
                // Internet Explorer sends backslashes that escape nothing, as part of the name.
                (b'\\', Some(escaped)) if *escaped == quote || *escaped == b'\\' => {
                    value.push(*escaped);
                    self.rest = after.get(1..).unwrap_or_default();
                }
                (byte, _) if byte == quote => return Ok(value),
                (byte, _) => value.push(byte),
            }
        }
    }

    fn flag_quote(&mut self, value: &[u8]) {
        if value.contains(&b'\'') {
            *self.flags |= Flags::INVALID_QUOTING;
        }
    }

    /// `charset'language'name`
    fn extended(&mut self) -> Result<ExtendedName, &'static str> {
        let charset = self.take_while(|byte| byte.is_ascii_alphanumeric() || b"!#$%&+-^_`{}~".contains(&byte));
        let after = self.rest.strip_prefix(b"'").filter(|_| !charset.is_empty());
        self.rest = after.ok_or("`filename*` without a character set")?;
        let language = self.take_while(|byte| byte != b'\'');
        self.rest = self.rest.strip_prefix(b"'").ok_or("`filename*` without a language")?;
        let mut name = Vec::new();
        while let Some((byte, after)) = self.rest.split_first().filter(|(byte, _)| **byte != b';') {
            self.rest = after;
            if *byte == b'%' {
                let (digits, after) = after.split_at_checked(2).ok_or("`filename*` with a broken escape")?;
                let digits = std::str::from_utf8(digits).unwrap_or_default();
                let signed = digits.starts_with('+');
                let decoded = u8::from_str_radix(digits, 16).ok().filter(|_| !signed);
                name.push(decoded.ok_or("`filename*` with a broken escape")?);
                self.rest = after;
            } else if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`~".contains(byte) {
                name.push(*byte);
            } else {
                return Err("`filename*` with a character that must be escaped");
            }
        }
        Ok(ExtendedName { charset: charset.to_vec(), language: language.to_vec(), name })
    }

    fn skip_blanks(&mut self) {
        self.take_while(|byte| matches!(byte, b'\t' | b' '));
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'a [u8] {
        let len = self.rest.iter().position(|byte| !accept(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }
}

/// What a token of MIME has (RFC 2045, 5.1).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> (String, String, Flags, Result<(), &'static str>) {
        let mut flags = Flags::default();
        let (disposition, result) = parse(value.as_bytes(), &mut flags);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&disposition.name), text(&disposition.filename), flags, result)
    }

    #[test]
    fn names_are_read() {
        let none = Flags::default();
        assert_eq!(read("form-data; name=a"), ("a".into(), String::new(), none, Ok(())));
        let both = read("form-data;name=\"a'b\" ; filename=\"x\\\"y\\z\";");
        assert_eq!(both, ("a'b".into(), "x\"y\\z".into(), none, Ok(())));
        let mut flags = none;
        let (both, result) = parse(b"form-data; name=a; filename=x; filename*=UTF-8'en'%e2%82%AC.txt", &mut flags);
        assert_eq!(result, Ok(()));
        assert_eq!(both.extended.map(|extended| extended.name), Some("\u{20ac}.txt".as_bytes().to_vec()));
    }

    #[test]
    fn quotes_that_do_not_belong_are_flagged() {
        for value in ["form-data; name='a'", "form-data; name=a'b", "form-data; name=\"a\"b"] {
            assert_eq!(read(value).2, Flags::INVALID_QUOTING, "{value}");
        }
    }

    #[test]
    fn malformed_ones_are_refused() {
        for value in [
            "attachment; name=a",
            "form-data, name=a",
            "form-data; name",
            "form-data; name=",
            "form-data; name=\"a",
            "form-data; name=\"a\\",
            "form-data; name=a; name=b",
            "form-data; name=a; size=1",
            "form-data; name=a b",
            "form-data; name=a; ",
            "form-data; name=a; filename*=UTF-8''x",
            "form-data; name=a; filename=x; filename*=x",
            "form-data; name=a; filename=x; filename*=UTF-8'x",
            "form-data; name=a; filename=x; filename*=UTF-8''%+1",
            "form-data; name=a; filename=x; filename*=UTF-8''a b",
        ] {
            assert!(read(value).3.is_err(), "{value}");
        }
    }
}
