//! Indexes into the tables of one executable, and the items that they name (`string_id_item` to `method_id_item`).

use super::{Dex, DexError, Mutf8};
use crate::dex::read::Cursor;

macro_rules! index {
    ($(#[$doc:meta] $name:ident)*) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);
    )*};
}

index! {
    /// A string of one executable.
    StringIndex
    /// A type of one executable.
    TypeIndex
    /// A prototype (return type and parameters) of one executable.
    ProtoIndex
    /// A field reference of one executable.
    FieldIndex
    /// A method reference of one executable.
    MethodIndex
    /// A class definition of one executable.
    ClassDefIndex
    /// A call site of one executable.
    CallSiteIndex
    /// A method handle of one executable.
    MethodHandleIndex
}

/// What a method takes and returns.
#[derive(Debug, Clone, Copy)]
pub struct Proto<'a> {
    /// The short form, such as `VIL`.
    pub shorty: StringIndex,
    /// What comes back.
    pub returns: TypeIndex,
    /// What goes in, without the receiver.
    pub parameters: TypeList<'a>,
}

/// A reference to a field of some class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldRef {
    /// The class that it is looked up in.
    pub class: TypeIndex,
    /// The field's type.
    pub of: TypeIndex,
    /// The field's name.
    pub name: StringIndex,
}

/// A reference to a method of some class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodRef {
    /// The class that it is looked up in.
    pub class: TypeIndex,
    /// The method's prototype.
    pub proto: ProtoIndex,
    /// The method's name.
    pub name: StringIndex,
}

/// A list of types that is borrowed from the file (`type_list`).
#[derive(Debug, Clone, Copy, Default)]
pub struct TypeList<'a>(&'a [[u8; 2]]);

impl<'a> TypeList<'a> {
    /// The types in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = TypeIndex> + 'a {
        self.0.iter().map(|unit| TypeIndex(u16::from_le_bytes(*unit).into()))
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// What a method handle does with what it names (`method_handle_item`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodHandle {
    /// Writes or reads a field: kinds 0 to 3.
    Field {
        /// 0 static put, 1 static get, 2 instance put, 3 instance get.
        kind: u16,
        /// The field.
        field: FieldIndex,
    },
    /// Calls a method: kinds 4 to 8.
    Method {
        /// 4 static, 5 instance, 6 constructor, 7 direct, 8 interface.
        kind: u16,
        /// The method.
        method: MethodIndex,
    },
}

impl<'a> Dex<'a> {
    /// A string.
    pub fn string(&self, index: StringIndex) -> Result<Mutf8<'a>, DexError> {
        let at = u32::from_le_bytes(*item(self.strings, "string", index.0)?);
        let cut = DexError::Truncated { what: "string", offset: at };
        let mut cursor = Cursor::new(self.bytes, at);
        let units = cursor.uleb128().ok_or(cut)? as usize;
        let rest = cursor.rest();
        // A unit takes three bytes at most, so that a search for the end can't run through the file.
        let window = rest.get(..units.saturating_mul(3).saturating_add(1)).unwrap_or(rest);
        let end = memchr::memchr(0, window).ok_or(cut)?;
        Ok(Mutf8::new(window.get(..end).unwrap_or_default()))
    }

    /// The descriptor of a type, such as `Ljava/lang/String;`.
    pub fn descriptor(&self, index: TypeIndex) -> Result<Mutf8<'a>, DexError> {
        self.string(self.type_string(index)?)
    }

    /// The string that is the descriptor of a type.
    pub fn type_string(&self, index: TypeIndex) -> Result<StringIndex, DexError> {
        item(self.types, "type", index.0).map(|bytes| StringIndex(u32::from_le_bytes(*bytes)))
    }

    /// A prototype.
    pub fn proto(&self, index: ProtoIndex) -> Result<Proto<'a>, DexError> {
        let [shorty, returns, list] = *item(self.protos, "prototype", index.0)?.as_chunks::<4>().0 else {
            return Err(DexError::Malformed { what: "prototype", offset: 0 });
        };
        Ok(Proto {
            shorty: StringIndex(u32::from_le_bytes(shorty)),
            returns: TypeIndex(u32::from_le_bytes(returns)),
            parameters: self.type_list(u32::from_le_bytes(list))?,
        })
    }

    /// A field reference.
    pub fn field(&self, index: FieldIndex) -> Result<FieldRef, DexError> {
        let [c0, c1, t0, t1, name @ ..] = *item(self.fields, "field", index.0)?;
        Ok(FieldRef {
            class: TypeIndex(u16::from_le_bytes([c0, c1]).into()),
            of: TypeIndex(u16::from_le_bytes([t0, t1]).into()),
            name: StringIndex(u32::from_le_bytes(name)),
        })
    }

    /// A method reference.
    pub fn method(&self, index: MethodIndex) -> Result<MethodRef, DexError> {
        let [c0, c1, p0, p1, name @ ..] = *item(self.methods, "method", index.0)?;
        Ok(MethodRef {
            class: TypeIndex(u16::from_le_bytes([c0, c1]).into()),
            proto: ProtoIndex(u16::from_le_bytes([p0, p1]).into()),
            name: StringIndex(u32::from_le_bytes(name)),
        })
    }

    /// A method handle.
    pub fn method_handle(&self, index: MethodHandleIndex) -> Result<MethodHandle, DexError> {
        let [k0, k1, _, _, m0, m1, _, _] = *item(self.method_handles, "method handle", index.0)?;
        let (kind, of) = (u16::from_le_bytes([k0, k1]), u16::from_le_bytes([m0, m1]).into());
        match kind {
            0..=3 => Ok(MethodHandle::Field { kind, field: FieldIndex(of) }),
            4..=8 => Ok(MethodHandle::Method { kind, method: MethodIndex(of) }),
            _ => Err(DexError::Malformed { what: "method handle", offset: index.0 }),
        }
    }

    /// The list of types at `offset`; 0 stands for an empty one.
    pub(crate) fn type_list(&self, offset: u32) -> Result<TypeList<'a>, DexError> {
        if offset == 0 {
            return Ok(TypeList::default());
        }
        let cut = DexError::Truncated { what: "list of types", offset };
        let mut cursor = Cursor::new(self.bytes, offset);
        let count = cursor.u32().ok_or(cut)? as usize;
        let items = cursor.take(count.saturating_mul(2)).ok_or(cut)?;
        Ok(TypeList(items.as_chunks().0))
    }

    /// How many strings there are.
    pub fn string_count(&self) -> u32 {
        count(self.strings)
    }

    /// How many types there are.
    pub fn type_count(&self) -> u32 {
        count(self.types)
    }

    /// How many prototypes there are.
    pub fn proto_count(&self) -> u32 {
        count(self.protos)
    }

    /// How many field references there are.
    pub fn field_count(&self) -> u32 {
        count(self.fields)
    }

    /// How many method references there are.
    pub fn method_count(&self) -> u32 {
        count(self.methods)
    }

    /// How many method handles there are.
    pub fn method_handle_count(&self) -> u32 {
        count(self.method_handles)
    }
}

/// One item of a table.
pub(crate) fn item<'a, const N: usize>(
    table: &'a [[u8; N]],
    what: &'static str,
    index: u32,
) -> Result<&'a [u8; N], DexError> {
    table.get(index as usize).ok_or_else(|| DexError::Index { what, index, count: count(table) })
}

/// How many items a table has. A file is smaller than 4 GiB, so this always fits.
pub(crate) fn count<T>(table: &[T]) -> u32 {
    u32::try_from(table.len()).unwrap_or(u32::MAX)
}
