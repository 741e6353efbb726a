//! Where the code uses what a caller wants to know about: one pass over all code, guided by the reference tables.
//!
//! A caller first names everything in a [`Wanted`]. The tables of references are matched against it, which tells for each
//! executable the few indexes that matter; then each instruction that names something costs one look into a bit set.

use std::collections::BTreeMap;

use crate::dex::{Opcode, Reference, ReferenceKind};

use super::{DefinitionId, FieldId, MethodId, MethodKey, Program, StringId, TypeId, Unit};

/// What a caller wants the uses of.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    methods: BTreeMap<String, Vec<String>>,
    fields: BTreeMap<String, Vec<String>>,
    types: Vec<String>,
    strings: bool,
    some_strings: Vec<StringId>,
}

impl Wanted {
    /// Nothing yet.
    pub fn new() -> Wanted {
        Wanted::default()
    }

    /// Calls of `name` on `class` (a descriptor) or anything below it, in all overloads.
    pub fn method(&mut self, class: &str, name: &str) -> &mut Wanted {
        self.methods.entry(name.to_owned()).or_default().push(class.to_owned());
        self
    }

    /// Reads and writes of the field `name` of `class` or anything below it.
    pub fn field(&mut self, class: &str, name: &str) -> &mut Wanted {
        self.fields.entry(name.to_owned()).or_default().push(class.to_owned());
        self
    }

    /// Everything that names the type: new instances, casts, class constants, arrays.
    pub fn type_of(&mut self, descriptor: &str) -> &mut Wanted {
        self.types.push(descriptor.to_owned());
        self
    }

    /// All string constants.
    pub fn strings(&mut self) -> &mut Wanted {
        self.strings = true;
        self
    }

    /// One string constant.
    pub fn string(&mut self, string: StringId) -> &mut Wanted {
        self.some_strings.push(string);
        self
    }
}

/// A use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The method, field, type or string that is used, as the number of its id.
    target: u32,
    /// The method whose code uses it.
    pub caller: DefinitionId,
    /// The instruction, in code units from the start of the code.
    pub pc: u32,
    /// What the instruction does.
    pub opcode: Opcode,
}

impl Site {
    /// The method that is called; only of what [`Index::calls`] gives.
    pub fn method(&self) -> MethodId {
        MethodId(self.target)
    }

    /// The field that is used; only of what [`Index::accesses`] gives.
    pub fn field(&self) -> FieldId {
        FieldId(self.target)
    }

    /// The string that is loaded; only of what [`Index::strings`] gives.
    pub fn string(&self) -> StringId {
        StringId(self.target)
    }

    /// The type that is named; only of what [`Index::types`] gives.
    pub fn type_of(&self) -> TypeId {
        TypeId(self.target)
    }
}

/// Uses by what is used.
#[derive(Debug, Default)]
pub struct Index {
    methods: Vec<Site>,
    fields: Vec<Site>,
    types: Vec<Site>,
    strings: Vec<Site>,
    wanted_methods: BTreeMap<(String, String), Vec<MethodId>>,
    wanted_fields: BTreeMap<(String, String), Vec<FieldId>>,
    /// The methods whose calls are all in `methods`.
    known: Vec<u64>,
}

impl Index {
    /// Finds every use of what is wanted.
    pub fn new(program: &Program<'_>, wanted: &Wanted) -> Index {
        let mut index = Index::default();
        index.match_methods(program, wanted);
        index.match_fields(program, wanted);
        let methods = marks(program.method_count(), index.wanted_methods.values().flatten().map(|id| id.0));
        index.known.clone_from(&methods);
        let fields = marks(program.field_count(), index.wanted_fields.values().flatten().map(|id| id.0));
        let types = wanted.types.iter().filter_map(|descriptor| program.find_type(descriptor)).map(|id| id.0);
        let types = marks(program.type_count(), types);
        let strings = marks(program.strings.len(), wanted.some_strings.iter().map(|id| id.0));
        each_reference(program, |unit, caller, reference| {
            let at = reference.index as usize;
            let (sites, target) = match reference.opcode.reference() {
                ReferenceKind::Method => (&mut index.methods, marked(&unit.methods, at, |id| id.0, &methods)),
                ReferenceKind::Field => (&mut index.fields, marked(&unit.fields, at, |id| id.0, &fields)),
                ReferenceKind::Type => (&mut index.types, marked(&unit.types, at, |id| id.0, &types)),
                ReferenceKind::String if wanted.strings => (&mut index.strings, unit.strings.get(at).map(|id| id.0)),
                ReferenceKind::String => (&mut index.strings, marked(&unit.strings, at, |id| id.0, &strings)),
                _ => return,
            };
            if let Some(target) = target {
                sites.push(Site { target, caller, pc: reference.pc, opcode: reference.opcode });
            }
        });
        for sites in [&mut index.methods, &mut index.fields, &mut index.types, &mut index.strings] {
            sites.sort_unstable();
            sites.shrink_to_fit();
        }
        index
    }

    /// Adds the calls of the methods that hold the calls found so far, so that parameters can be followed to where they
    /// come from. Each round goes one level further out.
    pub fn add_callers(&mut self, program: &Program<'_>) {
        let mut holding: Vec<DefinitionId> = self.methods.iter().map(|site| site.caller).collect();
        holding.sort_unstable();
        holding.dedup();
        let name_of = |id: &DefinitionId| program.definition(*id).map(|one| program.method(one.method).name.0);
        let names = marks(program.strings.len(), holding.iter().filter_map(name_of));
        let more = (0..).zip(&program.methods).filter(|(id, key)| {
            is_marked(&names, key.name.0)
                && !is_marked(&self.known, *id)
                && program.lookup(key.class, key.name, key.proto).is_some_and(|id| holding.binary_search(&id).is_ok())
        });
        let more = marks(program.method_count(), more.map(|(id, _)| id));
        each_reference(program, |unit, caller, reference| {
            if reference.opcode.reference() == ReferenceKind::Method
                && let Some(target) = marked(&unit.methods, reference.index as usize, |id| id.0, &more)
            {
                self.methods.push(Site { target, caller, pc: reference.pc, opcode: reference.opcode });
            }
        });
        self.known.iter_mut().zip(more).for_each(|(known, more)| *known |= more);
        self.methods.sort_unstable();
    }

    /// Calls of `name` on `class` or anything below it, which has to be wanted.
    pub fn calls(&self, class: &str, name: &str) -> impl Iterator<Item = &Site> + '_ {
        let methods = self.wanted_methods.get(&(class.to_owned(), name.to_owned()));
        methods.into_iter().flatten().flat_map(|id| of_target(&self.methods, id.0))
    }

    /// Calls of exactly this method, which has to be wanted.
    pub fn calls_of(&self, method: MethodId) -> &[Site] {
        of_target(&self.methods, method.0)
    }

    /// Reads and writes of the field `name` of `class` or anything below it, which has to be wanted.
    pub fn accesses(&self, class: &str, name: &str) -> impl Iterator<Item = &Site> + '_ {
        let fields = self.wanted_fields.get(&(class.to_owned(), name.to_owned()));
        fields.into_iter().flatten().flat_map(|id| of_target(&self.fields, id.0))
    }

    /// What names a type that is wanted.
    pub fn types(&self, of: TypeId) -> &[Site] {
        of_target(&self.types, of.0)
    }

    /// Where a string is loaded.
    pub fn strings(&self, string: StringId) -> &[Site] {
        of_target(&self.strings, string.0)
    }

    fn match_methods(&mut self, program: &Program<'_>, wanted: &Wanted) {
        let names = by_string(program, &wanted.methods);
        let below = Below::new(program, wanted.methods.values().flatten());
        for (at, key) in program.methods.iter().enumerate() {
            for class in of_name(&names, key.name) {
                if below.find(class, key.class).is_some_and(|above| program.is_call_of(*key, above)) {
                    let entry = (class.clone(), program.string(key.name).decode().into_owned());
                    self.wanted_methods.entry(entry).or_default().push(MethodId(super::intern::id_of(at)));
                }
            }
        }
        self.wanted_methods.values_mut().for_each(Vec::dedup);
    }

    fn match_fields(&mut self, program: &Program<'_>, wanted: &Wanted) {
        let names = by_string(program, &wanted.fields);
        let below = Below::new(program, wanted.fields.values().flatten());
        for (at, key) in program.fields.iter().enumerate() {
            for class in of_name(&names, key.name) {
                if below.find(class, key.class).is_some() {
                    let entry = (class.clone(), program.string(key.name).decode().into_owned());
                    self.wanted_fields.entry(entry).or_default().push(FieldId(super::intern::id_of(at)));
                }
            }
        }
        self.wanted_fields.values_mut().for_each(Vec::dedup);
    }
}

impl Program<'_> {
    /// Whether a call of `key`, whose class lies below `above`, runs what `above` declares: nothing between overrides it.
    fn is_call_of(&self, key: MethodKey, above: TypeId) -> bool {
        if key.class == above {
            return true;
        }
        match self.lookup(key.class, key.name, key.proto).and_then(|id| self.class(self.definition(id)?.class)) {
            Some(declaring) => self.is_subtype(above, declaring.of),
            None => true,
        }
    }
}

impl Program<'_> {
    /// The calls of `name` on `class` (a descriptor) or anything below it. This goes over all code; who asks for more than a
    /// few builds an [`Index`].
    pub fn calls(&self, class: &str, name: &str) -> Vec<Site> {
        Index::new(self, Wanted::new().method(class, name)).calls(class, name).copied().collect()
    }
}

/// The types below those that are wanted, each found once.
struct Below<'w>(BTreeMap<&'w str, (TypeId, Vec<u64>)>);

impl<'w> Below<'w> {
    fn new(program: &Program<'_>, classes: impl Iterator<Item = &'w String>) -> Below<'w> {
        let mut below = BTreeMap::new();
        for class in classes {
            if !below.contains_key(class.as_str())
                && let Some(of) = program.find_type(class)
            {
                let types = program.descendants(of);
                below.insert(class.as_str(), (of, marks(program.type_count(), types.iter().map(|of| of.0))));
            }
        }
        Below(below)
    }

    /// The wanted type of this name, if `of` is it or lies below it.
    fn find(&self, class: &str, of: TypeId) -> Option<TypeId> {
        self.0.get(class).filter(|(_, below)| is_marked(below, of.0)).map(|(above, _)| *above)
    }
}

/// Goes over everything that code names.
pub(super) fn each_reference<'a>(program: &Program<'a>, mut tell: impl FnMut(&Unit<'a>, DefinitionId, Reference)) {
    for (caller, definition) in program.definitions().filter(|(_, definition)| definition.code != 0) {
        let Some(unit) = program.unit_of(caller) else { continue };
        let Ok(code) = unit.dex.code(definition.code) else { continue };
        code.references().for_each(|reference| tell(unit, caller, reference));
    }
}

/// The id at a place of a table, if it is marked.
fn marked<I: Copy>(table: &[I], at: usize, number: fn(I) -> u32, marks: &[u64]) -> Option<u32> {
    table.get(at).map(|id| number(*id)).filter(|id| is_marked(marks, *id))
}

/// The names that are wanted, as ids in order.
fn by_string<'w>(program: &Program<'_>, wanted: &'w BTreeMap<String, Vec<String>>) -> Vec<(StringId, &'w [String])> {
    let mut found: Vec<_> =
        wanted.iter().filter_map(|(name, classes)| Some((program.find_string(name)?, classes.as_slice()))).collect();
    found.sort_unstable_by_key(|row| row.0);
    found
}

fn of_name<'w>(names: &[(StringId, &'w [String])], name: StringId) -> &'w [String] {
    names.binary_search_by_key(&name, |row| row.0).ok().and_then(|at| names.get(at)).map_or(&[], |row| row.1)
}

fn marks(count: usize, ids: impl Iterator<Item = u32>) -> Vec<u64> {
    let mut marks = vec![0u64; count.div_ceil(64)];
    for id in ids {
        if let Some(word) = marks.get_mut(id as usize / 64) {
            *word |= 1 << (id % 64);
        }
    }
    marks
}

fn is_marked(marks: &[u64], id: u32) -> bool {
    marks.get(id as usize / 64).is_some_and(|word| word >> (id % 64) & 1 != 0)
}

fn of_target(sites: &[Site], target: u32) -> &[Site] {
    let start = sites.partition_point(|site| site.target < target);
    let rest = sites.get(start..).unwrap_or_default();
    rest.get(..rest.partition_point(|site| site.target == target)).unwrap_or_default()
}
