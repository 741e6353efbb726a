//! Programs for tests, written as text: a line is a call, a return or an assignment.
//!
//! ```text
//! == crypto-ecb-mode
//! + static Ljavax/crypto/Cipher;->getInstance(Ljava/lang/String;)Ljavax/crypto/Cipher; ("AES")
//! - static Ljavax/crypto/Cipher;->getInstance(Ljava/lang/String;)Ljavax/crypto/Cipher; ("AES/GCM/NoPadding")
//! ```
//!
//! `+` begins a program in which the rule finds something, `-` one in which it does not. Lines stand in the method
//! `run` of `Lcom/example/app/Main;` until `class` and `method` begin others. Values are `"text"`, numbers, `null`, `?` (not
//! known), `bytes 16`, `join ("a", ?)`, `array [Ljava/lang/String; ("a")`, `get La/B;->c:I`, `new La/B;(I) (1)`, `int` before a `long`, calls with
//! `static`, `virtual`, `interface`, names that were assigned, and `p0` for the instance or first parameter.

use std::collections::BTreeMap;

use testudo_testkit::package::dex::{Class, Code, Dex};

/// One program of a rule.
pub struct Fixture {
    pub rule: String,
    pub line: usize,
    pub finds: bool,
    pub min_sdk: Option<u32>,
    pub target_sdk: Option<u32>,
    lines: Vec<String>,
}

pub fn read(text: &str) -> Vec<Fixture> {
    let mut fixtures: Vec<Fixture> = Vec::new();
    let mut rule = String::new();
    for (number, line) in text.lines().enumerate() {
        let (line, number) = (line.trim(), number + 1);
        if let Some(id) = line.strip_prefix("== ") {
            id.clone_into(&mut rule);
        } else if let Some(first) = line.strip_prefix(['+', '-']) {
            let (finds, lines) = (line.starts_with('+'), vec![first.trim().to_owned()]);
            fixtures.push(Fixture { rule: rule.clone(), line: number, finds, min_sdk: None, target_sdk: None, lines });
        } else if let Some(levels) = line.strip_prefix("sdk ") {
            let fixture = fixtures.last_mut().unwrap();
            let mut levels = levels.split(' ').map(|level| level.parse().unwrap());
            (fixture.min_sdk, fixture.target_sdk) = (levels.next(), levels.next());
        } else if !line.is_empty() && !line.starts_with('#') {
            fixtures.last_mut().unwrap().lines.push(line.to_owned());
        }
    }
    fixtures
}

/// A class in the making: its head, and its methods with their lines.
struct Draft {
    head: String,
    methods: Vec<(String, Vec<String>)>,
}

impl Fixture {
    pub fn dex(&self) -> Vec<u8> {
        let mut drafts = vec![Draft {
            head: "Lcom/example/app/Main;".to_owned(),
            methods: vec![("static run()V".to_owned(), Vec::new())],
        }];
        for line in self.lines.iter().filter(|line| !line.is_empty()) {
            if let Some(head) = line.strip_prefix("class ") {
                drafts.push(Draft { head: head.to_owned(), methods: Vec::new() });
            } else if let Some(head) = line.strip_prefix("method ") {
                drafts.last_mut().unwrap().methods.push((head.to_owned(), Vec::new()));
            } else {
                let methods = &mut drafts.last_mut().unwrap().methods;
                methods.last_mut().unwrap().1.push(line.clone());
            }
        }
        let mut dex = Dex::new();
        for draft in &drafts {
            let mut words = draft.head.split(' ');
            dex = dex.class(words.next().unwrap(), |class| {
                class.source("Main.kt");
                while let Some(word) = words.next() {
                    let of = words.next().unwrap();
                    match word {
                        "extends" => class.extends(of),
                        "implements" => class.implements(of),
                        _ => panic!("{}: `{word}` is not known", self.line),
                    };
                }
                for (head, lines) in &draft.methods {
                    method(class, head, lines);
                }
            });
        }
        dex.build()
    }
}

fn method(class: &mut Class, head: &str, lines: &[String]) {
    const LOW: u16 = 14;
    let (is_static, head) = head.strip_prefix("static ").map_or((false, head), |head| (true, head));
    let (name, signature) = head.split_at(head.find('(').unwrap());
    let wide = |of: &String| if of == "J" || of == "D" { 2 } else { 1 };
    let ins = parameters(signature).iter().map(wide).sum::<u16>() + u16::from(!is_static);
    let write = |code: &mut Code| {
        let mut writer = Writer { code, next: 0, names: BTreeMap::new(), parameters: LOW };
        let mut returned = false;
        for (at, line) in lines.iter().enumerate() {
            writer.code.line(u32::try_from(at).unwrap() + 10);
            returned = writer.line(line);
        }
        if !returned {
            code.return_void();
        }
    };
    if is_static {
        class.static_method(name, signature, LOW + ins, write);
    } else {
        class.method(name, signature, LOW + ins, write);
    }
}

struct Writer<'c> {
    code: &'c mut Code,
    next: u16,
    names: BTreeMap<String, u16>,
    parameters: u16,
}

impl Writer<'_> {
    /// Writes a line; tells whether it leaves the method.
    fn line(&mut self, line: &str) -> bool {
        let mut text = Text { rest: line };
        let start = self.next;
        if text.word("swallow") {
            let label = format!("caught{}", line.as_ptr() as usize);
            let inner = text.rest.to_owned();
            self.code.label(&format!("{label}try"));
            let (mut next, mut names) = (self.next, self.names.clone());
            let parameters = self.parameters;
            self.code.protect(&[("*", &label)], |code| {
                let mut writer = Writer { code, next, names: names.clone(), parameters };
                writer.line(&inner);
                (next, names) = (writer.next, writer.names);
            });
            self.code.goto(&format!("{label}end")).label(&label).move_exception(13).label(&format!("{label}end")).nop();
            return false;
        }
        if text.word("return") {
            if text.rest.trim().is_empty() {
                self.code.return_void();
                return true;
            }
            let (register, of) = self.value(&mut text, "Ljava/lang/Object;");
            if of.starts_with(['L', '[']) {
                self.code.return_object(register);
            } else {
                self.code.return_int(register);
            }
            return true;
        }
        if text.word("throw") {
            let (register, _) = self.value(&mut text, "Ljava/lang/Throwable;");
            self.code.throw(register);
            return true;
        }
        if let Some((name, value)) =
            line.split_once(" = ").filter(|(name, _)| name.bytes().all(|b| b.is_ascii_lowercase()))
        {
            let mut text = Text { rest: value };
            let (register, _) = self.value(&mut text, "Ljava/lang/Object;");
            // What was needed on the way is free again; the value moves down.
            if register != start {
                self.code.move_object(start, register);
            }
            self.next = start + 1;
            self.names.insert(name.to_owned(), start);
            return false;
        }
        self.value(&mut text, "Ljava/lang/Object;");
        assert!(text.rest.trim().is_empty(), "`{}` is too much in `{line}`", text.rest);
        self.next = start;
        false
    }

    fn take(&mut self, of: &str) -> u16 {
        let register = self.next;
        self.next += if of == "J" || of == "D" { 2 } else { 1 };
        assert!(self.next <= 14, "a line needs too many registers");
        register
    }

    /// Writes a value into a register that it tells, with its type.
    fn value(&mut self, text: &mut Text<'_>, expected: &str) -> (u16, String) {
        text.rest = text.rest.trim_start();
        if text.rest.starts_with('"') {
            let (register, literal) = (self.take("L"), text.string());
            self.code.const_string(register, &literal);
            return (register, "Ljava/lang/String;".to_owned());
        }
        if text.eat("?") {
            self.code.invoke_static("Lunknown/Source;", "get", &format!("(){expected}"), &[]);
            return self.result(expected);
        }
        if text.word("null") {
            let register = self.take("L");
            self.code.const_int(register, 0);
            return (register, expected.to_owned());
        }
        if text.word("bytes") {
            let size = text.number();
            let register = self.take("L");
            self.code.const_int(register, i32::try_from(size).unwrap()).new_array(register, register, "[B");
            return (register, "[B".to_owned());
        }
        if text.word("class") {
            let register = self.take("L");
            let of = text.token();
            self.code.const_class(register, of);
            return (register, "Ljava/lang/Class;".to_owned());
        }
        if text.word("get") {
            let (class, rest) = text.token().split_once("->").unwrap();
            let (name, of) = rest.split_once(':').unwrap();
            let register = self.take(of);
            self.code.sget(register, class, name, of);
            return (register, of.to_owned());
        }
        if text.word("array") {
            let of = text.token().to_owned();
            let values = self.list(text, &mut std::iter::repeat(of.trim_start_matches('[').to_owned()));
            let array = self.take("L");
            let index = self.take("I");
            self.code.const_int(index, i32::try_from(values.len()).unwrap()).new_array(array, index, &of);
            for (at, value) in values.iter().enumerate() {
                self.code.const_int(index, i32::try_from(at).unwrap()).aput(*value, array, index, &of[1..]);
            }
            return (array, of);
        }
        if text.word("join") {
            return self.join(text);
        }
        if text.word("new") {
            return self.new_instance(text);
        }
        if text.word("int") {
            let (long, _) = self.value(text, "J");
            self.code.unary(0x84, long, long);
            return (long, "I".to_owned());
        }
        for kind in ["static", "virtual", "interface"] {
            if text.word(kind) {
                return self.call(text, kind);
            }
        }
        if text.rest.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
            let number = text.number();
            let of = if expected == "J" { "J" } else { "I" };
            let register = self.take(of);
            if of == "J" {
                self.code.const_long(register, number);
            } else {
                self.code.const_int(register, i32::try_from(number).unwrap());
            }
            return (register, of.to_owned());
        }
        let name = text.token();
        if let Some(position) = name.strip_prefix('p').and_then(|position| position.parse::<u16>().ok()) {
            let register = self.take("L");
            self.code.move_object(register, self.parameters + position);
            return (register, expected.to_owned());
        }
        let register = *self.names.get(name).unwrap_or_else(|| panic!("there is no `{name}`"));
        (register, expected.to_owned())
    }

    fn list(&mut self, text: &mut Text<'_>, types: &mut dyn Iterator<Item = String>) -> Vec<u16> {
        let mut registers = Vec::new();
        assert!(text.eat("("), "`(` is missing before `{}`", text.rest);
        while !text.eat(")") {
            let of = types.next().unwrap_or_else(|| panic!("too many arguments before `{}`", text.rest));
            registers.push(self.value(text, &of).0);
            if of == "J" || of == "D" {
                registers.push(registers[registers.len() - 1] + 1);
            }
            text.eat(",");
        }
        registers
    }

    fn call(&mut self, text: &mut Text<'_>, kind: &str) -> (u16, String) {
        let (class, rest) = text.token().split_once("->").unwrap();
        let (name, signature) = rest.split_at(rest.find('(').unwrap());
        let own = (kind != "static").then(|| class.to_owned());
        let registers = self.list(text, &mut own.into_iter().chain(parameters(signature)));
        match kind {
            "static" => self.code.invoke_static(class, name, signature, &registers),
            "virtual" => self.code.invoke_virtual(class, name, signature, &registers),
            _ => self.code.invoke_interface(class, name, signature, &registers),
        };
        let of = signature.split_once(')').unwrap().1.to_owned();
        self.result(&of)
    }

    fn new_instance(&mut self, text: &mut Text<'_>) -> (u16, String) {
        let token = text.token();
        let (class, signature) = token.split_at(token.find('(').unwrap());
        let made = self.take("L");
        self.code.new_instance(made, class);
        let mut registers = vec![made];
        registers.extend(self.list(text, &mut parameters(signature).into_iter()));
        self.code.invoke_direct(class, "<init>", &format!("{signature}V"), &registers);
        (made, class.to_owned())
    }

    fn join(&mut self, text: &mut Text<'_>) -> (u16, String) {
        const BUILDER: &str = "Ljava/lang/StringBuilder;";
        let builder = self.take("L");
        self.code.new_instance(builder, BUILDER).invoke_direct(BUILDER, "<init>", "()V", &[builder]);
        for part in self.list(text, &mut std::iter::repeat("Ljava/lang/String;".to_owned())) {
            let append = "(Ljava/lang/String;)Ljava/lang/StringBuilder;";
            self.code.invoke_virtual(BUILDER, "append", append, &[builder, part]);
        }
        self.code.invoke_virtual(BUILDER, "toString", "()Ljava/lang/String;", &[builder]).move_result_object(builder);
        (builder, "Ljava/lang/String;".to_owned())
    }

    fn result(&mut self, of: &str) -> (u16, String) {
        if of == "V" {
            return (0, of.to_owned());
        }
        let register = self.take(of);
        match of {
            "J" | "D" => self.code.move_result_wide(register),
            _ if of.starts_with(['L', '[']) => self.code.move_result_object(register),
            _ => self.code.move_result(register),
        };
        (register, of.to_owned())
    }
}

/// What is left of a line.
struct Text<'t> {
    rest: &'t str,
}

impl<'t> Text<'t> {
    fn eat(&mut self, sign: &str) -> bool {
        self.rest = self.rest.trim_start();
        let found = self.rest.strip_prefix(sign);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start();
        let found = rest.strip_prefix(word).filter(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()));
        self.rest = found.unwrap_or(rest);
        found.is_some()
    }

    /// Up to the next space, or the comma or bracket that ends a value.
    fn token(&mut self) -> &'t str {
        let rest = self.rest.trim_start();
        let mut depth = 0;
        let end = rest.find(|letter: char| {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            letter == ' ' || letter == ',' || depth < 0
        });
        let (token, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.rest = rest;
        token
    }

    fn number(&mut self) -> i64 {
        let token = self.token();
        let (sign, digits) = token.strip_prefix('-').map_or((1, token), |digits| (-1, digits));
        let hex = digits.strip_prefix("0x").map(|hex| i64::from_str_radix(hex, 16).unwrap());
        sign * hex.unwrap_or_else(|| digits.parse().unwrap())
    }

    fn string(&mut self) -> String {
        let (literal, rest) = self.rest[1..].split_once('"').unwrap();
        self.rest = rest;
        literal.to_owned()
    }
}

/// The parameter types of a signature.
fn parameters(signature: &str) -> Vec<String> {
    let mut rest = signature[1..].split(')').next().unwrap();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let depth = rest.len() - rest.trim_start_matches('[').len();
        let end = if rest[depth..].starts_with('L') { rest.find(';').unwrap() + 1 } else { depth + 1 };
        found.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    found
}
