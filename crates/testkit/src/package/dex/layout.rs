//! Lays an executable out: tables, data in the order of the map, map, checksums ("File layout", `map_list`).

use std::collections::BTreeMap;
use std::ops::Range;

use aws_lc_rs::digest;

use super::class::{Class, access};
use super::pool::{Pool, Tables, mutf8, sleb128, uleb128};
use super::value::array;
use super::{Annotation, Code, Dex, Value};

/// Appends the executable. Offsets count from the start of `out`.
pub(super) fn write(dex: &Dex, out: &mut Vec<u8>) {
    let mut pool = Pool::default();
    dex.strings.iter().for_each(|text| pool.add_string(text));
    dex.classes.iter().for_each(|class| collect(class, &mut pool));
    let tables = pool.settle();
    Layout { dex, pool, tables, map: Vec::new(), start: out.len(), out }.write();
}

/// Writes the sizes that are known last, the SHA-1 and the checksum.
pub(super) fn seal(bytes: &mut [u8], span: Range<usize>, version: u32) {
    let (start, whole) = (span.start, bytes.len() as u32);
    if version >= 41 {
        put(bytes, start + 112, whole);
        put(bytes, start + 116, start as u32);
    }
    let file = &mut bytes[span];
    put(file, 32, file.len() as u32);
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &file[32..]);
    file[12..32].copy_from_slice(digest.as_ref());
    let (low, high) = file[12..].iter().fold((1u32, 0u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    put(file, 8, high << 16 | low);
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn collect(class: &Class, pool: &mut Pool) {
    pool.add_type(&class.descriptor);
    class.superclass.iter().chain(&class.interfaces).for_each(|of| pool.add_type(of));
    class.source.iter().for_each(|file| pool.add_string(file));
    class.annotations.iter().for_each(|annotation| annotation.collect(pool));
    for field in &class.fields {
        pool.add_field(&class.descriptor, &field.name, &field.of);
        field.value.iter().for_each(|value| value.collect(pool));
        field.annotations.iter().for_each(|annotation| annotation.collect(pool));
    }
    for method in &class.methods {
        pool.add_method(&class.descriptor, &method.name, &method.signature);
        method.code.iter().for_each(|code| code.collect(pool));
        method.annotations.iter().for_each(|annotation| annotation.collect(pool));
    }
}

struct Layout<'a> {
    dex: &'a Dex,
    pool: Pool,
    tables: Tables,
    /// Kind, count and offset of each section.
    map: Vec<(u16, u32, u32)>,
    start: usize,
    out: &'a mut Vec<u8>,
}

/// Where the data of a class went.
#[derive(Default, Clone)]
struct Placed {
    interfaces: u32,
    statics: u32,
    annotations: u32,
    data: u32,
    code: BTreeMap<usize, u32>,
}

impl Layout<'_> {
    fn write(mut self) {
        let classes = self.in_order();
        let header = self.header_size();
        let counts = [
            self.tables.strings.len(),
            self.tables.types.len(),
            self.tables.protos.len(),
            self.tables.fields.len(),
            self.tables.methods.len(),
            classes.len(),
        ];
        self.map.push((0, 1, self.start as u32));
        self.out.resize(self.start + header, 0);
        let mut offsets = Vec::new();
        for ((kind, count), width) in (1..).zip(counts).zip([4, 4, 12, 8, 8, 32]) {
            offsets.push(if count == 0 { 0 } else { self.section(kind, count, 4) });
            self.out.resize(self.out.len() + count * width, 0);
        }
        let data = self.out.len();
        let lists = self.type_lists(&classes);
        let mut placed = vec![Placed::default(); classes.len()];
        for (class, place) in classes.iter().zip(&mut placed) {
            place.interfaces = self.list_of(&lists, &class.interfaces);
        }
        self.static_values(&classes, &mut placed);
        self.annotations(&classes, &mut placed);
        self.code(&classes, &mut placed);
        let strings = self.strings();
        self.class_data(&classes, &mut placed);
        let map = self.write_map();
        self.fill_tables(&offsets, &strings, &lists);
        self.fill_classes(offsets[5], &classes, &placed);
        self.fill_header(&counts, &offsets, data, map);
    }

    fn header_size(&self) -> usize {
        if self.dex.version >= 41 { 0x78 } else { 0x70 }
    }

    /// The classes with every superclass and interface before what builds on it.
    fn in_order(&self) -> Vec<Class> {
        let mut left: Vec<&Class> = self.dex.classes.iter().collect();
        let mut ordered: Vec<Class> = Vec::new();
        while !left.is_empty() {
            let waiting: Vec<&str> = left.iter().map(|class| class.descriptor.as_str()).collect();
            let (ready, rest): (Vec<&Class>, Vec<&Class>) = left.iter().partition(|class| {
                !class.superclass.iter().chain(&class.interfaces).any(|of| waiting.contains(&of.as_str()))
            });
            // Classes that extend each other stay as they are: a test may want that.
            let stuck = ready.is_empty();
            ordered.extend(ready.into_iter().cloned());
            left = rest;
            if stuck {
                ordered.extend(left.drain(..).cloned());
            }
        }
        ordered
    }

    /// Begins a section of the map.
    fn section(&mut self, kind: u16, count: usize, align: usize) -> u32 {
        while !self.out.len().is_multiple_of(align) {
            self.out.push(0);
        }
        let offset = self.out.len() as u32;
        self.map.push((kind, count as u32, offset));
        offset
    }

    fn word(&mut self, value: u32) {
        self.out.extend(value.to_le_bytes());
    }

    fn short(&mut self, value: u16) {
        self.out.extend(value.to_le_bytes());
    }

    fn align(&mut self) -> u32 {
        while !self.out.len().is_multiple_of(4) {
            self.out.push(0);
        }
        self.out.len() as u32
    }

    fn type_lists(&mut self, classes: &[Class]) -> BTreeMap<Vec<u32>, u32> {
        let of_classes = classes.iter().map(|class| self.numbers(&class.interfaces));
        let of_protos = self.tables.protos.iter().map(|proto| proto.2.clone());
        let mut lists: BTreeMap<Vec<u32>, u32> = of_classes.chain(of_protos).map(|list| (list, 0)).collect();
        lists.remove(&Vec::new());
        if !lists.is_empty() {
            self.section(0x1001, lists.len(), 4);
        }
        for (list, offset) in &mut lists {
            *offset = self.align();
            self.word(list.len() as u32);
            list.iter().for_each(|of| self.short(*of as u16));
        }
        lists
    }

    fn numbers(&self, descriptors: &[String]) -> Vec<u32> {
        descriptors.iter().map(|descriptor| self.pool.type_of(descriptor)).collect()
    }

    fn list_of(&self, lists: &BTreeMap<Vec<u32>, u32>, descriptors: &[String]) -> u32 {
        lists.get(&self.numbers(descriptors)).copied().unwrap_or_default()
    }

    fn static_values(&mut self, classes: &[Class], placed: &mut [Placed]) {
        let arrays: Vec<Vec<Value>> = classes.iter().map(|class| self.initial_values(class)).collect();
        let count = arrays.iter().filter(|values| !values.is_empty()).count();
        if count != 0 {
            self.section(0x2005, count, 1);
        }
        for (values, place) in arrays.iter().zip(placed).filter(|(values, _)| !values.is_empty()) {
            place.statics = self.out.len() as u32;
            array(values, &self.pool, self.out);
        }
    }

    /// The values of the static fields in their order, without the zeros at the end.
    fn initial_values(&self, class: &Class) -> Vec<Value> {
        let mut statics: Vec<_> = class.fields.iter().filter(|field| field.access & access::STATIC != 0).collect();
        statics.sort_by_key(|field| self.pool.field(&class.descriptor, &field.name, &field.of));
        let mut values: Vec<_> =
            statics.iter().map(|field| field.value.clone().unwrap_or_else(|| Value::zero(&field.of))).collect();
        while values.last().is_some_and(Value::is_zero) {
            values.pop();
        }
        values
    }

    fn annotations(&mut self, classes: &[Class], placed: &mut [Placed]) {
        // Each thing that is annotated, as class, what it is (0 class, 1 field, 2 method) and its index.
        let mut owners: Vec<((usize, u8, u32), Vec<Annotation>)> = Vec::new();
        for (at, class) in classes.iter().enumerate() {
            owners.push(((at, 0, 0), class.annotations.clone()));
            for field in &class.fields {
                let index = self.pool.field(&class.descriptor, &field.name, &field.of);
                owners.push(((at, 1, index), field.annotations.clone()));
            }
            for method in &class.methods {
                let index = self.pool.method(&class.descriptor, &method.name, &method.signature);
                owners.push(((at, 2, index), method.annotations.clone()));
            }
        }
        owners.retain(|owner| !owner.1.is_empty());
        owners.sort_by_key(|owner| owner.0);
        if owners.is_empty() {
            return;
        }
        self.section(0x2004, owners.iter().map(|owner| owner.1.len()).sum(), 1);
        let mut sets = Vec::new();
        for (key, annotations) in &owners {
            let mut items: Vec<(u32, u32)> = Vec::new();
            for annotation in annotations {
                items.push((self.pool.type_of(&annotation.of), self.out.len() as u32));
                self.out.push(annotation.visibility);
                annotation.write(&self.pool, self.out);
            }
            items.sort_unstable();
            sets.push((*key, items));
        }
        self.section(0x1003, sets.len(), 4);
        let mut offsets = BTreeMap::new();
        for (key, items) in sets {
            offsets.insert(key, self.out.len() as u32);
            self.word(items.len() as u32);
            items.iter().for_each(|item| self.word(item.1));
        }
        let annotated: Vec<usize> = (0..classes.len()).filter(|at| offsets.keys().any(|key| key.0 == *at)).collect();
        self.section(0x2006, annotated.len(), 4);
        for at in annotated {
            placed[at].annotations = self.out.len() as u32;
            self.word(offsets.get(&(at, 0, 0)).copied().unwrap_or_default());
            let rows = |kind| offsets.range((at, kind, 0)..=(at, kind, u32::MAX)).map(|(key, set)| (key.2, *set));
            let both: Vec<Vec<_>> = vec![rows(1).collect(), rows(2).collect()];
            both.iter().for_each(|rows| self.word(rows.len() as u32));
            self.word(0);
            for (index, set) in both.into_iter().flatten() {
                self.word(index);
                self.word(set);
            }
        }
    }

    fn code(&mut self, classes: &[Class], placed: &mut [Placed]) {
        let methods =
            || classes.iter().enumerate().flat_map(|(at, class)| (0..class.methods.len()).map(move |m| (at, m)));
        let with_code: Vec<_> = methods().filter(|(at, m)| classes[*at].methods[*m].code.is_some()).collect();
        let code_of = |(at, m): (usize, usize)| classes[at].methods[m].code.as_ref().expect("filtered above");
        let with_lines: Vec<_> = with_code.iter().copied().filter(|key| !code_of(*key).lines.is_empty()).collect();
        let mut debug = BTreeMap::new();
        if !with_lines.is_empty() {
            self.section(0x2003, with_lines.len(), 1);
        }
        for key in with_lines {
            debug.insert(key, self.out.len() as u32);
            let parameters = super::pool::parameters(&classes[key.0].methods[key.1].signature).len();
            lines(&code_of(key).lines, parameters, self.out);
        }
        if !with_code.is_empty() {
            self.section(0x2001, with_code.len(), 4);
        }
        for key in with_code {
            let offset = self.align();
            placed[key.0].code.insert(key.1, offset);
            let ins = classes[key.0].methods[key.1].ins();
            self.code_item(code_of(key), ins, debug.get(&key).copied().unwrap_or_default());
        }
    }

    fn code_item(&mut self, code: &Code, ins: u16, debug: u32) {
        assert!(code.registers >= ins, "{} registers don't hold arguments of {ins}", code.registers);
        let units = code.finish(&self.pool);
        for value in [code.registers, ins, code.outs, code.tries.len() as u16] {
            self.short(value);
        }
        self.word(debug);
        self.word(units.len() as u32);
        units.iter().for_each(|unit| self.short(*unit));
        if code.tries.is_empty() {
            return;
        }
        self.align();
        let mut tries: Vec<_> = code.tries.iter().collect();
        tries.sort_by_key(|range| range.start);
        let mut handlers = Vec::new();
        uleb128(tries.len() as u32, &mut handlers);
        for range in tries {
            self.word(range.start);
            self.short(range.units);
            self.short(handlers.len() as u16);
            let typed = range.handlers.iter().filter(|(of, _)| of != "*");
            let rest = range.handlers.iter().find(|(of, _)| of == "*");
            let count = typed.clone().count() as i32;
            sleb128(if rest.is_some() { -count } else { count }, &mut handlers);
            for (of, label) in typed {
                uleb128(self.pool.type_of(of), &mut handlers);
                uleb128(code.place(label) as u32, &mut handlers);
            }
            if let Some((_, label)) = rest {
                uleb128(code.place(label) as u32, &mut handlers);
            }
        }
        self.out.extend(handlers);
    }

    fn strings(&mut self) -> Vec<u32> {
        let strings = self.tables.strings.clone();
        if !strings.is_empty() {
            self.section(0x2002, strings.len(), 1);
        }
        let write = |text: &String| {
            let offset = self.out.len() as u32;
            uleb128(text.encode_utf16().count() as u32, self.out);
            mutf8(text, self.out);
            self.out.push(0);
            offset
        };
        strings.iter().map(write).collect()
    }

    fn class_data(&mut self, classes: &[Class], placed: &mut [Placed]) {
        let declaring = |class: &Class| !class.fields.is_empty() || !class.methods.is_empty();
        let count = classes.iter().filter(|class| declaring(class)).count();
        if count != 0 {
            self.section(0x2000, count, 1);
        }
        for (class, place) in classes.iter().zip(placed).filter(|(class, _)| declaring(class)) {
            place.data = self.out.len() as u32;
            let mut fields = [Vec::new(), Vec::new()];
            for field in &class.fields {
                let index = self.pool.field(&class.descriptor, &field.name, &field.of);
                fields[usize::from(field.access & access::STATIC == 0)].push((index, field.access));
            }
            let mut methods = [Vec::new(), Vec::new()];
            for (at, method) in class.methods.iter().enumerate() {
                let index = self.pool.method(&class.descriptor, &method.name, &method.signature);
                let code = place.code.get(&at).copied().unwrap_or_default();
                methods[usize::from(!method.is_direct())].push((index, method.access, code));
            }
            fields.iter().for_each(|list| uleb128(list.len() as u32, self.out));
            methods.iter().for_each(|list| uleb128(list.len() as u32, self.out));
            for list in &mut fields {
                list.sort_unstable();
                let mut last = 0;
                for (index, access) in list {
                    uleb128(*index - last, self.out);
                    uleb128(*access, self.out);
                    last = *index;
                }
            }
            for list in &mut methods {
                list.sort_unstable();
                let mut last = 0;
                for (index, access, code) in list {
                    uleb128(*index - last, self.out);
                    uleb128(*access, self.out);
                    uleb128(*code, self.out);
                    last = *index;
                }
            }
        }
    }

    fn write_map(&mut self) -> u32 {
        let offset = self.section(0x1000, 1, 4);
        let map = self.map.clone();
        self.word(map.len() as u32);
        for (kind, count, offset) in map {
            self.short(kind);
            self.short(0);
            self.word(count);
            self.word(offset);
        }
        offset
    }

    fn fill_tables(&mut self, offsets: &[u32], strings: &[u32], lists: &BTreeMap<Vec<u32>, u32>) {
        fill(self.out, offsets[0], strings.iter().map(|offset| [*offset]));
        fill(self.out, offsets[1], self.tables.types.iter().map(|string| [*string]));
        let list = |parameters| lists.get(parameters).copied().unwrap_or_default();
        fill(self.out, offsets[2], self.tables.protos.iter().map(|(shorty, of, takes)| [*shorty, *of, list(takes)]));
        fill(self.out, offsets[3], self.tables.fields.iter().map(|(class, of, name)| [of << 16 | class, *name]));
        fill(self.out, offsets[4], self.tables.methods.iter().map(|(class, proto, name)| [proto << 16 | class, *name]));
    }

    fn fill_classes(&mut self, offset: u32, classes: &[Class], placed: &[Placed]) {
        let optional = |index: Option<u32>| index.unwrap_or(u32::MAX);
        let rows = classes.iter().zip(placed).map(|(class, place)| {
            [
                self.pool.type_of(&class.descriptor),
                class.access,
                optional(class.superclass.as_ref().map(|of| self.pool.type_of(of))),
                place.interfaces,
                optional(class.source.as_ref().map(|file| self.pool.string(file))),
                place.annotations,
                place.data,
                place.statics,
            ]
        });
        fill(self.out, offset, rows);
    }

    fn fill_header(&mut self, counts: &[usize; 6], offsets: &[u32], data: usize, map: u32) {
        let (start, size) = (self.start, self.header_size());
        let end = self.out.len();
        let header = &mut self.out[start..start + size];
        header[..8].copy_from_slice(format!("dex\n{:03}\0", self.dex.version).as_bytes());
        put(header, 36, size as u32);
        put(header, 40, 0x1234_5678);
        put(header, 52, map);
        for ((at, count), offset) in (56..).step_by(8).zip(counts).zip(offsets) {
            put(header, at, *count as u32);
            put(header, at + 4, *offset);
        }
        if self.dex.version < 41 {
            put(header, 104, (end - data) as u32);
            put(header, 108, data as u32);
        }
    }
}

fn fill<const N: usize>(out: &mut [u8], offset: u32, rows: impl Iterator<Item = [u32; N]>) {
    for (at, value) in (offset as usize..).step_by(4).zip(rows.flatten()) {
        put(out, at, value);
    }
}

/// Debug information with a position for each line.
fn lines(lines: &[(u32, u32)], parameters: usize, out: &mut Vec<u8>) {
    let (mut pc, mut line) = lines.first().map_or((0, 1), |first| (0, first.1));
    uleb128(line, out);
    uleb128(parameters as u32, out);
    out.extend(std::iter::repeat_n(0, parameters));
    for (next_pc, next_line) in lines {
        if *next_line != line {
            out.push(0x02);
            sleb128(next_line.cast_signed() - line.cast_signed(), out);
        }
        if *next_pc != pc {
            out.push(0x01);
            uleb128(next_pc - pc, out);
        }
        // The special opcode that moves neither: (0 - -4) + 0 * 15 + 0x0a.
        out.push(0x0e);
        (pc, line) = (*next_pc, *next_line);
    }
    out.push(0x00);
}
