//! Ids over all executables: each table is sorted by what its items say, and equal neighbours become one.
//!
//! The tables of a well-built executable are sorted already, so the sorting is a merge of runs.

use crate::dex::{Anomaly, Dex, DexError, FieldIndex, MethodIndex, Mutf8, ProtoIndex, StringIndex, TypeIndex};

use super::{FieldId, FieldKey, MethodId, MethodKey, NONE, ProtoId, StringId, TypeId, Unit, framework};

/// Indexes of types, prototypes, fields and methods have 16 bits wherever code names them.
const MAX_INDEXED: u32 = 0x1_0000;
/// More anomalies than anybody reads.
const MAX_ANOMALIES: usize = 1000;

/// A prototype: what it returns, and where its parameters are.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProtoRow {
    pub(super) returns: TypeId,
    start: u32,
    count: u32,
}

impl ProtoRow {
    pub(super) fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..(self.start + self.count) as usize
    }
}

/// The tables of the program.
pub(super) struct Interned<'a> {
    pub(super) units: Vec<Unit<'a>>,
    pub(super) strings: Vec<Mutf8<'a>>,
    pub(super) types: Vec<StringId>,
    pub(super) protos: Vec<ProtoRow>,
    pub(super) parameters: Vec<TypeId>,
    pub(super) fields: Vec<FieldKey>,
    pub(super) methods: Vec<MethodKey>,
    pub(super) anomalies: Vec<Anomaly>,
}

/// Keeps an anomaly if there is room.
pub(super) fn note(anomalies: &mut Vec<Anomaly>, anomaly: Anomaly) {
    if anomalies.len() < MAX_ANOMALIES {
        anomalies.push(anomaly);
    }
}

pub(super) fn id_of(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

/// Joins the tables of all executables.
pub(super) fn intern(dexes: Vec<Dex<'_>>) -> Interned<'_> {
    let mut anomalies = Vec::new();
    let mut units: Vec<Unit<'_>> = dexes
        .into_iter()
        .map(|dex| Unit { dex, strings: vec![], types: vec![], protos: vec![], fields: vec![], methods: vec![] })
        .collect();
    for unit in &units {
        unit.dex.anomalies().iter().for_each(|anomaly| note(&mut anomalies, anomaly.clone()));
    }
    let strings = strings(&mut units, &mut anomalies);
    let types = types(&mut units, &strings, &mut anomalies);
    let (protos, parameters) = protos(&mut units, &mut anomalies);
    let unknown = unknown_proto(&protos);
    let fields = fields(&mut units, &mut anomalies);
    let methods = methods(&mut units, unknown, &mut anomalies);
    Interned { units, strings, types, protos, parameters, fields, methods, anomalies }
}

/// Numbers `rows` of key, unit and place: equal keys get one number, and each unit learns the numbers of its items.
fn number<K: Copy + PartialEq>(
    rows: &[(K, u16, u32)],
    units: &mut [Unit<'_>],
    mut tell: impl FnMut(&mut Unit<'_>, u32, u32),
) -> Vec<K> {
    let mut keys: Vec<K> = Vec::new();
    for (key, unit, place) in rows {
        if keys.last() != Some(key) {
            keys.push(*key);
        }
        if let Some(unit) = units.get_mut(usize::from(*unit)) {
            tell(unit, *place, id_of(keys.len() - 1));
        }
    }
    keys
}

fn unit_number(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

fn strings<'a>(units: &mut [Unit<'a>], anomalies: &mut Vec<Anomaly>) -> Vec<Mutf8<'a>> {
    // The empty string is always there, and so are the names of the platform's classes.
    let mut rows = vec![(Mutf8::default(), u16::MAX, 0)];
    rows.extend(
        framework::NAMES
            .iter()
            .flat_map(|(class, above)| [*class, above])
            .map(|name| (Mutf8::new(name.as_bytes()), u16::MAX, 0)),
    );
    for (at, unit) in units.iter_mut().enumerate() {
        // Strings don't share bytes, so all of them are no longer than the file.
        let mut budget = unit.dex.byte_count();
        unit.strings = vec![StringId(0); unit.dex.string_count() as usize];
        for index in 0..unit.dex.string_count() {
            let text = unit.dex.string(StringIndex(index)).unwrap_or_else(|error| {
                note(anomalies, Anomaly::String { index: StringIndex(index), error });
                Mutf8::default()
            });
            let Some(left) = budget.checked_sub(text.as_bytes().len()) else {
                note(anomalies, Anomaly::Shared { what: "strings" });
                break;
            };
            budget = left;
            rows.push((text, unit_number(at), index));
        }
    }
    rows.sort_by_key(|row| row.0);
    number(&rows, units, |unit, place, id| {
        if let Some(slot) = unit.strings.get_mut(place as usize) {
            *slot = StringId(id);
        }
    })
}

fn capped(stated: u32, table: &'static str, anomalies: &mut Vec<Anomaly>) -> u32 {
    if stated > MAX_INDEXED {
        note(anomalies, Anomaly::TableCut { table, offset: 0, stated, present: MAX_INDEXED });
    }
    stated.min(MAX_INDEXED)
}

fn types(units: &mut [Unit<'_>], strings: &[Mutf8<'_>], anomalies: &mut Vec<Anomaly>) -> Vec<StringId> {
    let mut number_of = vec![NONE; strings.len()];
    let mut named: Vec<Vec<StringId>> = Vec::new();
    let mut mark = |string: StringId| {
        if let Some(slot) = number_of.get_mut(string.at()) {
            *slot = 0;
        }
    };
    // The empty string is the first, and the descriptor of what is broken.
    mark(StringId(0));
    for name in framework::NAMES.iter().flat_map(|(class, above)| [*class, above]) {
        if let Ok(at) = strings.binary_search(&Mutf8::new(name.as_bytes())) {
            mark(StringId(id_of(at)));
        }
    }
    for unit in units.iter() {
        let count = capped(unit.dex.type_count(), "types", anomalies);
        let strings = (0..count).map(|index| {
            let index = TypeIndex(index);
            let found = unit.dex.type_string(index).and_then(|string| {
                let count = unit.dex.string_count();
                unit.string(string).ok_or(DexError::Index { what: "string", index: string.0, count })
            });
            let string = found.unwrap_or_else(|error| {
                note(anomalies, Anomaly::Type { index, error });
                StringId(0)
            });
            mark(string);
            string
        });
        named.push(strings.collect());
    }
    let mut types = Vec::new();
    for (slot, string) in number_of.iter_mut().zip(0..) {
        if *slot != NONE {
            *slot = id_of(types.len());
            types.push(StringId(string));
        }
    }
    for (unit, named) in units.iter_mut().zip(named) {
        unit.types = named.iter().map(|name| TypeId(number_of.get(name.at()).copied().unwrap_or(0))).collect();
    }
    types
}

fn protos(units: &mut [Unit<'_>], anomalies: &mut Vec<Anomaly>) -> (Vec<ProtoRow>, Vec<TypeId>) {
    // More than 255 parameters can't be passed.
    const MAX_PARAMETERS: usize = 255;
    let mut parameters: Vec<TypeId> = Vec::new();
    let mut rows: Vec<(ProtoRow, u16, u32)> = vec![(ProtoRow { returns: TypeId(0), start: 0, count: 0 }, u16::MAX, 0)];
    for (at, unit) in units.iter_mut().enumerate() {
        let count = capped(unit.dex.proto_count(), "prototypes", anomalies);
        unit.protos = vec![ProtoId(0); count as usize];
        let mut budget = unit.dex.byte_count();
        for index in 0..count {
            let start = parameters.len();
            let mut returns = TypeId(0);
            match unit.dex.proto(ProtoIndex(index)) {
                Ok(proto) => {
                    returns = unit.type_of(proto.returns).unwrap_or(TypeId(0));
                    let take = proto.parameters.len().min(MAX_PARAMETERS).min(budget);
                    budget -= take;
                    let known = proto.parameters.iter().take(take).map(|index| unit.type_of(index));
                    parameters.extend(known.map(|known| known.unwrap_or(TypeId(0))));
                }
                Err(error) => note(anomalies, Anomaly::Proto { index: ProtoIndex(index), error }),
            }
            let row = ProtoRow { returns, start: id_of(start), count: id_of(parameters.len() - start) };
            rows.push((row, unit_number(at), index));
        }
    }
    let list = |row: &ProtoRow| parameters.get(row.range()).unwrap_or_default();
    rows.sort_by(|one, other| one.0.returns.cmp(&other.0.returns).then_with(|| list(&one.0).cmp(list(&other.0))));
    let (mut distinct, mut packed): (Vec<ProtoRow>, Vec<TypeId>) = (Vec::new(), Vec::new());
    for (row, unit, place) in &rows {
        let known = distinct.last().is_some_and(|last| {
            last.returns == row.returns && packed.get(last.range()).unwrap_or_default() == list(row)
        });
        if !known {
            distinct.push(ProtoRow { start: id_of(packed.len()), ..*row });
            packed.extend(list(row));
        }
        let slot = units.get_mut(usize::from(*unit)).and_then(|unit| unit.protos.get_mut(*place as usize));
        if let Some(slot) = slot {
            *slot = ProtoId(id_of(distinct.len() - 1));
        }
    }
    (distinct, packed)
}

/// The prototype that returns nothing known and takes nothing, which stands for what is broken.
fn unknown_proto(protos: &[ProtoRow]) -> ProtoId {
    ProtoId(id_of(protos.iter().position(|row| row.returns == TypeId(0) && row.count == 0).unwrap_or(0)))
}

fn fields(units: &mut [Unit<'_>], anomalies: &mut Vec<Anomaly>) -> Vec<FieldKey> {
    let mut rows: Vec<(FieldKey, u16, u32)> = Vec::new();
    for (at, unit) in units.iter_mut().enumerate() {
        let count = capped(unit.dex.field_count(), "fields", anomalies);
        unit.fields = vec![FieldId(0); count as usize];
        for index in (0..count).map(FieldIndex) {
            let Ok(field) = unit.dex.field(index) else { continue };
            let (class, of, name) = (unit.type_of(field.class), unit.type_of(field.of), unit.string(field.name));
            if class.is_none() || of.is_none() || name.is_none() {
                let error = DexError::Malformed { what: "field reference", offset: index.0 };
                note(anomalies, Anomaly::Field { index, error });
            }
            let (class, of) = (class.unwrap_or(TypeId(0)), of.unwrap_or(TypeId(0)));
            rows.push((FieldKey { class, name: name.unwrap_or(StringId(0)), of }, unit_number(at), index.0));
        }
    }
    rows.sort_by_key(|row| row.0);
    number(&rows, units, |unit, place, id| {
        if let Some(slot) = unit.fields.get_mut(place as usize) {
            *slot = FieldId(id);
        }
    })
}

fn methods(units: &mut [Unit<'_>], unknown: ProtoId, anomalies: &mut Vec<Anomaly>) -> Vec<MethodKey> {
    let mut rows: Vec<(MethodKey, u16, u32)> = Vec::new();
    for (at, unit) in units.iter_mut().enumerate() {
        let count = capped(unit.dex.method_count(), "methods", anomalies);
        unit.methods = vec![MethodId(0); count as usize];
        for index in (0..count).map(MethodIndex) {
            let Ok(method) = unit.dex.method(index) else { continue };
            let (class, proto, name) = (unit.type_of(method.class), unit.proto(method.proto), unit.string(method.name));
            if class.is_none() || proto.is_none() || name.is_none() {
                let error = DexError::Malformed { what: "method reference", offset: index.0 };
                note(anomalies, Anomaly::Method { index, error });
            }
            let (class, proto) = (class.unwrap_or(TypeId(0)), proto.unwrap_or(unknown));
            rows.push((MethodKey { class, name: name.unwrap_or(StringId(0)), proto }, unit_number(at), index.0));
        }
    }
    rows.sort_by_key(|row| row.0);
    number(&rows, units, |unit, place, id| {
        if let Some(slot) = unit.methods.get_mut(place as usize) {
            *slot = MethodId(id);
        }
    })
}
