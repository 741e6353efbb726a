//! The instructions that a test may write ("Dalvik bytecode: summary"). Names are those of the assembly; where an
//! instruction has several widths or kinds, the one that fits is taken.

use super::Code;
use super::code::{Fix, Table, unit};

impl Code {
    /// `nop`
    pub fn nop(&mut self) -> &mut Code {
        self.raw(&[0])
    }

    /// `const`: an `int` in as few units as hold it. 0 is also `false` and `null`.
    pub fn const_int(&mut self, register: u16, value: i32) -> &mut Code {
        if (-8..8).contains(&value) && register < 16 {
            return self.raw(&[unit(0x12, ((value & 0x0f) as u16) << 4 | register, 8)]);
        }
        match i16::try_from(value) {
            Ok(short) => self.raw(&[unit(0x13, register, 8), short.cast_unsigned()]),
            Err(_) => self.raw(&[unit(0x14, register, 8), value as u16, (value >> 16) as u16]),
        }
    }

    /// `const-wide`: a `long` into `register` and the next.
    pub fn const_long(&mut self, register: u16, value: i64) -> &mut Code {
        match (i16::try_from(value), i32::try_from(value)) {
            (Ok(short), _) => self.raw(&[unit(0x16, register, 8), short.cast_unsigned()]),
            (_, Ok(int)) => self.raw(&[unit(0x17, register, 8), int as u16, (int >> 16) as u16]),
            _ => {
                let parts = [0, 16, 32, 48].map(|shift| (value >> shift) as u16);
                self.raw(&[unit(0x18, register, 8), parts[0], parts[1], parts[2], parts[3]])
            }
        }
    }

    /// `const/high16`: the upper half of an `int` or `float`.
    pub fn const_high16(&mut self, register: u16, upper: i16) -> &mut Code {
        self.raw(&[unit(0x15, register, 8), upper.cast_unsigned()])
    }

    /// `const-string`
    pub fn const_string(&mut self, register: u16, text: &str) -> &mut Code {
        self.c21(0x1a, register, Fix::String(text.to_owned()))
    }

    /// `const-string/jumbo`
    pub fn const_string_jumbo(&mut self, register: u16, text: &str) -> &mut Code {
        let at = self.units.len();
        self.fix(at + 1, Fix::Jumbo(text.to_owned()));
        self.raw(&[unit(0x1b, register, 8), 0, 0])
    }

    /// `const-class`
    pub fn const_class(&mut self, register: u16, descriptor: &str) -> &mut Code {
        self.c21(0x1c, register, Fix::Type(descriptor.to_owned()))
    }

    /// `const-method-type` (version 039)
    pub fn const_method_type(&mut self, register: u16, signature: &str) -> &mut Code {
        self.c21(0xff, register, Fix::Proto(signature.to_owned()))
    }

    /// `move`
    pub fn move_int(&mut self, to: u16, from: u16) -> &mut Code {
        self.copy(0x01, to, from)
    }

    /// `move-wide`
    pub fn move_wide(&mut self, to: u16, from: u16) -> &mut Code {
        self.copy(0x04, to, from)
    }

    /// `move-object`
    pub fn move_object(&mut self, to: u16, from: u16) -> &mut Code {
        self.copy(0x07, to, from)
    }

    /// `move-result`
    pub fn move_result(&mut self, register: u16) -> &mut Code {
        self.raw(&[unit(0x0a, register, 8)])
    }

    /// `move-result-wide`
    pub fn move_result_wide(&mut self, register: u16) -> &mut Code {
        self.raw(&[unit(0x0b, register, 8)])
    }

    /// `move-result-object`
    pub fn move_result_object(&mut self, register: u16) -> &mut Code {
        self.raw(&[unit(0x0c, register, 8)])
    }

    /// `move-exception`
    pub fn move_exception(&mut self, register: u16) -> &mut Code {
        self.raw(&[unit(0x0d, register, 8)])
    }

    /// `return-void`
    pub fn return_void(&mut self) -> &mut Code {
        self.raw(&[0x0e])
    }

    /// `return`
    pub fn return_int(&mut self, register: u16) -> &mut Code {
        self.raw(&[unit(0x0f, register, 8)])
    }

    /// `return-wide`
    pub fn return_wide(&mut self, register: u16) -> &mut Code {
        self.raw(&[unit(0x10, register, 8)])
    }

    /// `return-object`
    pub fn return_object(&mut self, register: u16) -> &mut Code {
        self.raw(&[unit(0x11, register, 8)])
    }

    /// `throw`
    pub fn throw(&mut self, register: u16) -> &mut Code {
        self.raw(&[unit(0x27, register, 8)])
    }

    /// `monitor-enter`
    pub fn monitor_enter(&mut self, register: u16) -> &mut Code {
        self.raw(&[unit(0x1d, register, 8)])
    }

    /// `monitor-exit`
    pub fn monitor_exit(&mut self, register: u16) -> &mut Code {
        self.raw(&[unit(0x1e, register, 8)])
    }

    /// `check-cast`
    pub fn check_cast(&mut self, register: u16, descriptor: &str) -> &mut Code {
        self.c21(0x1f, register, Fix::Type(descriptor.to_owned()))
    }

    /// `instance-of`
    pub fn instance_of(&mut self, to: u16, object: u16, descriptor: &str) -> &mut Code {
        self.c22(0x20, to, object, Fix::Type(descriptor.to_owned()))
    }

    /// `new-instance`
    pub fn new_instance(&mut self, register: u16, descriptor: &str) -> &mut Code {
        self.c21(0x22, register, Fix::Type(descriptor.to_owned()))
    }

    /// `new-instance` and the call of its constructor: `arguments` without the instance.
    pub fn new_object(&mut self, register: u16, descriptor: &str, signature: &str, arguments: &[u16]) -> &mut Code {
        self.new_instance(register, descriptor);
        let all: Vec<u16> = std::iter::once(register).chain(arguments.iter().copied()).collect();
        self.invoke_direct(descriptor, "<init>", signature, &all)
    }

    /// `new-array`; `of` is the descriptor of the array, such as `[B`.
    pub fn new_array(&mut self, to: u16, size: u16, of: &str) -> &mut Code {
        self.c22(0x23, to, size, Fix::Type(of.to_owned()))
    }

    /// `filled-new-array`
    pub fn filled_new_array(&mut self, of: &str, elements: &[u16]) -> &mut Code {
        self.call(0x24, Fix::Type(of.to_owned()), elements)
    }

    /// `array-length`
    pub fn array_length(&mut self, to: u16, array: u16) -> &mut Code {
        self.c12(0x21, to, array)
    }

    /// `fill-array-data` with bytes
    pub fn fill_bytes(&mut self, array: u16, bytes: &[u8]) -> &mut Code {
        self.with_table(0x26, array, Table::Data { width: 1, bytes: bytes.to_vec() })
    }

    /// `fill-array-data` with `char`s
    pub fn fill_chars(&mut self, array: u16, text: &str) -> &mut Code {
        let bytes = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        self.with_table(0x26, array, Table::Data { width: 2, bytes })
    }

    /// `fill-array-data` with `int`s
    pub fn fill_ints(&mut self, array: u16, values: &[i32]) -> &mut Code {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.with_table(0x26, array, Table::Data { width: 4, bytes })
    }

    /// `aget` of the kind that elements of type `of` take
    pub fn aget(&mut self, to: u16, array: u16, index: u16, of: &str) -> &mut Code {
        self.c23(0x44 + kind(of), to, array, index)
    }

    /// `aput` of the kind that elements of type `of` take
    pub fn aput(&mut self, from: u16, array: u16, index: u16, of: &str) -> &mut Code {
        self.c23(0x4b + kind(of), from, array, index)
    }

    /// `iget` of the field's kind
    pub fn iget(&mut self, to: u16, object: u16, class: &str, name: &str, of: &str) -> &mut Code {
        self.c22(0x52 + kind(of), to, object, field(class, name, of))
    }

    /// `iput` of the field's kind
    pub fn iput(&mut self, from: u16, object: u16, class: &str, name: &str, of: &str) -> &mut Code {
        self.c22(0x59 + kind(of), from, object, field(class, name, of))
    }

    /// `sget` of the field's kind
    pub fn sget(&mut self, to: u16, class: &str, name: &str, of: &str) -> &mut Code {
        self.c21(0x60 + kind(of), to, field(class, name, of))
    }

    /// `sput` of the field's kind
    pub fn sput(&mut self, from: u16, class: &str, name: &str, of: &str) -> &mut Code {
        self.c21(0x67 + kind(of), from, field(class, name, of))
    }

    /// `invoke-virtual`; the first of the arguments is the instance. More than five, or high ones, have to be a range.
    pub fn invoke_virtual(&mut self, class: &str, name: &str, signature: &str, arguments: &[u16]) -> &mut Code {
        self.call(0x6e, method(class, name, signature), arguments)
    }

    /// `invoke-super`
    pub fn invoke_super(&mut self, class: &str, name: &str, signature: &str, arguments: &[u16]) -> &mut Code {
        self.call(0x6f, method(class, name, signature), arguments)
    }

    /// `invoke-direct`
    pub fn invoke_direct(&mut self, class: &str, name: &str, signature: &str, arguments: &[u16]) -> &mut Code {
        self.call(0x70, method(class, name, signature), arguments)
    }

    /// `invoke-static`
    pub fn invoke_static(&mut self, class: &str, name: &str, signature: &str, arguments: &[u16]) -> &mut Code {
        self.call(0x71, method(class, name, signature), arguments)
    }

    /// `invoke-interface`
    pub fn invoke_interface(&mut self, class: &str, name: &str, signature: &str, arguments: &[u16]) -> &mut Code {
        self.call(0x72, method(class, name, signature), arguments)
    }

    /// `goto` in 16 bits
    pub fn goto(&mut self, label: &str) -> &mut Code {
        let at = self.units.len();
        self.fix(at + 1, Fix::Far { from: at, label: label.to_owned() });
        self.raw(&[0x29, 0])
    }

    /// `goto` in 8 bits
    pub fn goto_near(&mut self, label: &str) -> &mut Code {
        let at = self.units.len();
        self.fix(at, Fix::Near { from: at, label: label.to_owned() });
        self.raw(&[0x28])
    }

    /// `goto` in 32 bits
    pub fn goto_far(&mut self, label: &str) -> &mut Code {
        let at = self.units.len();
        self.fix(at + 1, Fix::Farther { from: at, label: label.to_owned() });
        self.raw(&[0x2a, 0, 0])
    }

    /// `if-eq`
    pub fn if_eq(&mut self, one: u16, other: u16, label: &str) -> &mut Code {
        self.jump_two(0x32, one, other, label)
    }

    /// `if-ne`
    pub fn if_ne(&mut self, one: u16, other: u16, label: &str) -> &mut Code {
        self.jump_two(0x33, one, other, label)
    }

    /// `if-lt`
    pub fn if_lt(&mut self, one: u16, other: u16, label: &str) -> &mut Code {
        self.jump_two(0x34, one, other, label)
    }

    /// `if-ge`
    pub fn if_ge(&mut self, one: u16, other: u16, label: &str) -> &mut Code {
        self.jump_two(0x35, one, other, label)
    }

    /// `if-eqz`
    pub fn if_eqz(&mut self, register: u16, label: &str) -> &mut Code {
        self.jump_one(0x38, register, label)
    }

    /// `if-nez`
    pub fn if_nez(&mut self, register: u16, label: &str) -> &mut Code {
        self.jump_one(0x39, register, label)
    }

    /// `packed-switch`: the labels of `first` and the numbers after it
    pub fn packed_switch(&mut self, register: u16, first: i32, labels: &[&str]) -> &mut Code {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.with_table(0x2b, register, Table::Packed { first, labels })
    }

    /// `sparse-switch`: numbers and their labels
    pub fn sparse_switch(&mut self, register: u16, cases: &[(i32, &str)]) -> &mut Code {
        let cases = cases.iter().map(|(key, label)| (*key, (*label).to_owned())).collect();
        self.with_table(0x2c, register, Table::Sparse(cases))
    }

    /// An operation on two registers in the form `23x`, such as 0x90 for `add-int`
    pub fn binary(&mut self, opcode: u8, to: u16, one: u16, other: u16) -> &mut Code {
        self.c23(opcode, to, one, other)
    }

    /// An operation in the form `12x`, such as 0x81 for `int-to-long` or 0xb7 for `xor-int/2addr`
    pub fn unary(&mut self, opcode: u8, to: u16, from: u16) -> &mut Code {
        self.c12(opcode, to, from)
    }

    /// An operation with a number in the form `22b`, such as 0xd8 for `add-int/lit8`
    pub fn literal(&mut self, opcode: u8, to: u16, from: u16, number: i8) -> &mut Code {
        let low = unit(0, 0, 8) | from;
        assert!(from < 256, "v{from} does not fit into 8 bits");
        self.raw(&[unit(opcode, to, 8), u16::from(number.cast_unsigned()) << 8 | low])
    }

    fn copy(&mut self, opcode: u8, to: u16, from: u16) -> &mut Code {
        match (to, from) {
            (0..=15, 0..=15) => self.c12(opcode, to, from),
            (0..=255, _) => self.raw(&[unit(opcode + 1, to, 8), from]),
            _ => self.raw(&[u16::from(opcode + 2), to, from]),
        }
    }

    fn c12(&mut self, opcode: u8, a: u16, b: u16) -> &mut Code {
        assert!(a < 16 && b < 16, "opcode {opcode:#04x} takes registers below 16, not v{a} and v{b}");
        self.raw(&[unit(opcode, b << 4 | a, 8)])
    }

    fn c21(&mut self, opcode: u8, register: u16, fix: Fix) -> &mut Code {
        let at = self.units.len();
        self.fix(at + 1, fix);
        self.raw(&[unit(opcode, register, 8), 0])
    }

    fn c22(&mut self, opcode: u8, a: u16, b: u16, fix: Fix) -> &mut Code {
        let at = self.units.len();
        self.fix(at + 1, fix);
        self.c12(opcode, a, b).raw(&[0])
    }

    fn c23(&mut self, opcode: u8, a: u16, b: u16, c: u16) -> &mut Code {
        assert!(b < 256 && c < 256, "opcode {opcode:#04x} takes registers below 256, not v{b} and v{c}");
        self.raw(&[unit(opcode, a, 8), c << 8 | b])
    }

    fn jump_one(&mut self, opcode: u8, register: u16, label: &str) -> &mut Code {
        let at = self.units.len();
        self.c21(opcode, register, Fix::Far { from: at, label: label.to_owned() })
    }

    fn jump_two(&mut self, opcode: u8, one: u16, other: u16, label: &str) -> &mut Code {
        let at = self.units.len();
        self.c22(opcode, one, other, Fix::Far { from: at, label: label.to_owned() })
    }

    fn call(&mut self, opcode: u8, fix: Fix, arguments: &[u16]) -> &mut Code {
        let at = self.units.len();
        let count = arguments.len() as u16;
        self.outs = self.outs.max(count);
        self.fix(at + 1, fix);
        if count <= 5 && arguments.iter().all(|register| *register < 16) {
            let nibble = |at: usize| arguments.get(at).copied().unwrap_or_default();
            let listed = nibble(3) << 12 | nibble(2) << 8 | nibble(1) << 4 | nibble(0);
            return self.raw(&[unit(opcode, count << 4 | nibble(4), 8), 0, listed]);
        }
        let in_row = arguments.windows(2).all(|pair| pair[1] == pair[0] + 1);
        assert!(in_row, "{arguments:?} are too many or too high for a list, and no range");
        // The range form of a call is 6 further on, that of filled-new-array 1.
        let range = if opcode == 0x24 { 0x25 } else { opcode + 6 };
        self.raw(&[unit(range, count, 8), 0, arguments[0]])
    }
}

/// What the opcode of an access adds for a type.
fn kind(of: &str) -> u8 {
    match of {
        "I" | "F" => 0,
        "J" | "D" => 1,
        "Z" => 3,
        "B" => 4,
        "C" => 5,
        "S" => 6,
        _ => 2,
    }
}

fn field(class: &str, name: &str, of: &str) -> Fix {
    Fix::Field(class.to_owned(), name.to_owned(), of.to_owned())
}

fn method(class: &str, name: &str, signature: &str) -> Fix {
    Fix::Method(class.to_owned(), name.to_owned(), signature.to_owned())
}
