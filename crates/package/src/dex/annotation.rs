//! Annotations of classes and their members (`annotations_directory_item`, `annotation_set_item`, `annotation_item`).

use super::read::Cursor;
use super::{ClassDef, Dex, DexError, EncodedAnnotation, FieldIndex, MethodIndex};

/// Who sees an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// The build.
    Build,
    /// The program, by reflection.
    Runtime,
    /// The platform: signatures, enclosing classes, thrown exceptions.
    System,
}

/// One annotation.
#[derive(Debug, Clone)]
pub struct AnnotationItem<'a> {
    /// Who sees it.
    pub visibility: Visibility,
    /// What it says.
    pub annotation: EncodedAnnotation<'a>,
}

/// The annotations of one thing. It ends after the first error.
#[derive(Debug, Clone)]
pub struct AnnotationSet<'a> {
    dex: Dex<'a>,
    offsets: &'a [[u8; 4]],
}

/// All annotations of a class.
#[derive(Debug, Clone)]
pub struct Annotations<'a> {
    dex: Dex<'a>,
    class: u32,
    fields: &'a [[u8; 8]],
    methods: &'a [[u8; 8]],
    parameters: &'a [[u8; 8]],
}

impl<'a> Dex<'a> {
    /// The annotations of a class, its fields, methods and parameters.
    pub fn annotations(&self, class: &ClassDef) -> Result<Annotations<'a>, DexError> {
        let offset = class.annotations;
        let mut found = Annotations { dex: self.view(), class: 0, fields: &[], methods: &[], parameters: &[] };
        if offset == 0 {
            return Ok(found);
        }
        let cut = DexError::Truncated { what: "directory of annotations", offset };
        let mut cursor = Cursor::new(self.bytes, offset);
        let mut word = || cursor.u32().ok_or(cut);
        found.class = word()?;
        let sizes = [word()?, word()?, word()?];
        for (size, rows) in sizes.into_iter().zip([&mut found.fields, &mut found.methods, &mut found.parameters]) {
            *rows = cursor.take((size as usize).saturating_mul(8)).ok_or(cut)?.as_chunks().0;
        }
        Ok(found)
    }

    fn annotation_set(&self, offset: u32) -> Result<AnnotationSet<'a>, DexError> {
        let mut set = AnnotationSet { dex: self.view(), offsets: &[] };
        if offset != 0 {
            let cut = DexError::Truncated { what: "set of annotations", offset };
            let mut cursor = Cursor::new(self.bytes, offset);
            let size = cursor.u32().ok_or(cut)? as usize;
            set.offsets = cursor.take(size.saturating_mul(4)).ok_or(cut)?.as_chunks().0;
        }
        Ok(set)
    }

    /// The same executable without its list of anomalies, so that nothing is copied.
    fn view(&self) -> Dex<'a> {
        Dex { anomalies: Vec::new(), ..*self }
    }
}

impl<'a> Annotations<'a> {
    /// Those of the class itself.
    pub fn class(&self) -> Result<AnnotationSet<'a>, DexError> {
        self.dex.annotation_set(self.class)
    }

    /// Those of each annotated field.
    pub fn fields(&self) -> impl Iterator<Item = Result<(FieldIndex, AnnotationSet<'a>), DexError>> + '_ {
        self.fields.iter().map(|row| {
            let (index, offset) = pair(*row);
            Ok((FieldIndex(index), self.dex.annotation_set(offset)?))
        })
    }

    /// Those of each annotated method.
    pub fn methods(&self) -> impl Iterator<Item = Result<(MethodIndex, AnnotationSet<'a>), DexError>> + '_ {
        self.methods.iter().map(|row| {
            let (index, offset) = pair(*row);
            Ok((MethodIndex(index), self.dex.annotation_set(offset)?))
        })
    }

    /// Those of the parameters of each method that has any, one set for each parameter.
    pub fn parameters(&self) -> impl Iterator<Item = Result<(MethodIndex, Vec<AnnotationSet<'a>>), DexError>> + '_ {
        self.parameters.iter().map(|row| {
            let (index, offset) = pair(*row);
            // A list of references to sets has the form of a set of references to annotations.
            let list = self.dex.annotation_set(offset)?.offsets.iter().take(256);
            let sets = list.map(|set| self.dex.annotation_set(u32::from_le_bytes(*set))).collect::<Result<_, _>>()?;
            Ok((MethodIndex(index), sets))
        })
    }
}

impl<'a> Iterator for AnnotationSet<'a> {
    type Item = Result<AnnotationItem<'a>, DexError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (first, rest) = self.offsets.split_first()?;
        self.offsets = rest;
        let offset = u32::from_le_bytes(*first);
        let visibility = match Cursor::new(self.dex.bytes, offset).u8() {
            Some(0) => Ok(Visibility::Build),
            Some(1) => Ok(Visibility::Runtime),
            Some(2) => Ok(Visibility::System),
            Some(_) => Err(DexError::Malformed { what: "annotation", offset }),
            None => Err(DexError::Truncated { what: "annotation", offset }),
        };
        let item = visibility.and_then(|visibility| {
            Ok(AnnotationItem { visibility, annotation: self.dex.encoded_annotation(offset.saturating_add(1))? })
        });
        if item.is_err() {
            self.offsets = &[];
        }
        Some(item)
    }
}

fn pair([i0, i1, i2, i3, o0, o1, o2, o3]: [u8; 8]) -> (u32, u32) {
    (u32::from_le_bytes([i0, i1, i2, i3]), u32::from_le_bytes([o0, o1, o2, o3]))
}
