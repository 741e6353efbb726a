//! Class definitions and what they declare (`class_def_item`, `class_data_item`).

use super::ids::{count, item};
use super::read::Cursor;
use super::{ClassDefIndex, Dex, DexError, EncodedArray, FieldIndex, MethodIndex, StringIndex, TypeIndex, TypeList};

/// Access flags of a class, field or method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Access(pub u32);

impl Access {
    /// Visible everywhere.
    pub const PUBLIC: Access = Access(0x1);
    /// Visible in the class.
    pub const PRIVATE: Access = Access(0x2);
    /// Visible in the package and to subclasses.
    pub const PROTECTED: Access = Access(0x4);
    /// Without an instance.
    pub const STATIC: Access = Access(0x8);
    /// Not to be changed, overridden or extended.
    pub const FINAL: Access = Access(0x10);
    /// A bridge method that a compiler made.
    pub const BRIDGE: Access = Access(0x40);
    /// Implemented in native code.
    pub const NATIVE: Access = Access(0x100);
    /// An interface.
    pub const INTERFACE: Access = Access(0x200);
    /// Without an implementation.
    pub const ABSTRACT: Access = Access(0x400);
    /// Made by a compiler.
    pub const SYNTHETIC: Access = Access(0x1000);
    /// An annotation.
    pub const ANNOTATION: Access = Access(0x2000);
    /// An enumeration.
    pub const ENUM: Access = Access(0x4000);
    /// A constructor or a static initialiser.
    pub const CONSTRUCTOR: Access = Access(0x1_0000);

    /// Whether all of `other` is set.
    pub const fn has(self, other: Access) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The definition of a class.
#[derive(Debug, Clone, Copy)]
pub struct ClassDef {
    /// What is defined.
    pub class: TypeIndex,
    /// Its access flags.
    pub access: Access,
    /// What it extends; only `java.lang.Object` extends nothing.
    pub superclass: Option<TypeIndex>,
    /// The source file, such as `Main.kt`.
    pub source: Option<StringIndex>,
    interfaces: u32,
    pub(crate) annotations: u32,
    data: u32,
    statics: u32,
}

/// A field or method that a class declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A field.
    Field(MemberField),
    /// A method.
    Method(MemberMethod),
}

/// A declared field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberField {
    /// The reference that it answers.
    pub field: FieldIndex,
    /// Its access flags.
    pub access: Access,
    /// Whether it stands in the list of static fields, which is the order of initial values.
    pub is_static: bool,
}

/// A declared method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberMethod {
    /// The reference that it answers.
    pub method: MethodIndex,
    /// Its access flags.
    pub access: Access,
    /// Where its code is; 0 where it has none. [`Dex::code`] takes it.
    pub code: u32,
    /// Whether it stands in the list of virtual methods.
    pub is_virtual: bool,
}

impl<'a> Dex<'a> {
    /// How many classes are defined.
    pub fn class_count(&self) -> u32 {
        count(self.classes)
    }

    /// A class definition.
    pub fn class(&self, index: ClassDefIndex) -> Result<ClassDef, DexError> {
        let bytes = item(self.classes, "class definition", index.0)?;
        let (words, _) = bytes.as_chunks::<4>();
        let word = |at: usize| words.get(at).map_or(0, |word| u32::from_le_bytes(*word));
        let optional = |index: u32| (index != u32::MAX).then_some(index);
        Ok(ClassDef {
            class: TypeIndex(word(0)),
            access: Access(word(1)),
            superclass: optional(word(2)).map(TypeIndex),
            interfaces: word(3),
            source: optional(word(4)).map(StringIndex),
            annotations: word(5),
            data: word(6),
            statics: word(7),
        })
    }

    /// Every class definition with its index.
    pub fn classes(&self) -> impl Iterator<Item = (ClassDefIndex, ClassDef)> + '_ {
        (0..self.class_count()).map(ClassDefIndex).filter_map(|index| Some((index, self.class(index).ok()?)))
    }

    /// The interfaces that a class implements, or an interface extends.
    pub fn interfaces(&self, class: &ClassDef) -> Result<TypeList<'a>, DexError> {
        self.type_list(class.interfaces)
    }

    /// The initial values of the static fields, in their order; fields past its end begin as zero.
    pub fn static_values(&self, class: &ClassDef) -> Result<EncodedArray<'a>, DexError> {
        if class.statics == 0 { Ok(EncodedArray::empty()) } else { self.encoded_array(class.statics) }
    }

    /// What a class declares: static fields, instance fields, direct methods, virtual methods.
    pub fn class_data(&self, class: &ClassDef) -> Result<ClassData<'a>, DexError> {
        if class.data == 0 {
            return Ok(ClassData { cursor: Cursor::new(&[], 0), left: [0; 4], section: 0, last: 0 });
        }
        let mut cursor = Cursor::new(self.bytes, class.data);
        let mut left = [0; 4];
        for size in &mut left {
            *size = cursor.uleb128().ok_or(DexError::Truncated { what: "class data", offset: class.data })?;
        }
        Ok(ClassData { cursor, left, section: 0, last: 0 })
    }
}

/// The members of a class, read one by one. It ends after the first error.
#[derive(Debug, Clone)]
pub struct ClassData<'a> {
    cursor: Cursor<'a>,
    /// How many static fields, instance fields, direct methods and virtual methods are still to come.
    left: [u32; 4],
    section: usize,
    last: u32,
}

impl<'a> ClassData<'a> {
    /// Only the fields.
    pub fn fields(self) -> impl Iterator<Item = MemberField> + use<'a> {
        self.map_while(Result::ok).map_while(|member| match member {
            Member::Field(field) => Some(field),
            Member::Method(_) => None,
        })
    }

    /// Only the methods.
    pub fn methods(self) -> impl Iterator<Item = MemberMethod> + use<'a> {
        self.map_while(Result::ok).filter_map(|member| match member {
            Member::Field(_) => None,
            Member::Method(method) => Some(method),
        })
    }

    fn read(&mut self) -> Option<Member> {
        self.last = self.last.checked_add(self.cursor.uleb128()?)?;
        let access = Access(self.cursor.uleb128()?);
        Some(if self.section < 2 {
            Member::Field(MemberField { field: FieldIndex(self.last), access, is_static: self.section == 0 })
        } else {
            let code = self.cursor.uleb128()?;
            Member::Method(MemberMethod { method: MethodIndex(self.last), access, code, is_virtual: self.section == 3 })
        })
    }
}

impl Iterator for ClassData<'_> {
    type Item = Result<Member, DexError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.left.get_mut(self.section)? {
                0 => {
                    self.section += 1;
                    self.last = 0;
                }
                left => {
                    *left -= 1;
                    break;
                }
            }
        }
        let offset = self.cursor.position();
        let read = self.read().ok_or(DexError::Truncated { what: "class data", offset });
        if read.is_err() {
            self.left = [0; 4];
        }
        Some(read)
    }
}
