//! What can run: reachability from the classes that the platform starts ("rapid type analysis", Bacon and Sweeney 1996).
//!
//! A method can run when reachable code calls it, when it overrides what reachable code calls on a class that has
//! instances, when the platform may call it back, when its class is initialised, or when its class is named by a string
//! or a class constant. The answer errs towards "can run": native code is not read, and what it calls is not seen.

use crate::dex::{Access, EncodedValue, MethodHandle, Opcode, Reference, ReferenceKind};

use super::{ClassId, DefinitionId, MethodId, NONE, Program, TypeId, Unit, names};

/// More steps than any real program takes; a program that takes more counts as reachable in whole.
const MAX_STEPS: u64 = 30_000_000;

/// Where the platform enters the program.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    classes: Vec<String>,
    handlers: Vec<String>,
}

impl Entries {
    /// No entries.
    pub fn new() -> Entries {
        Entries::default()
    }

    /// A class that the platform makes instances of, by descriptor: a component, a view of a layout, a service.
    pub fn class(&mut self, descriptor: &str) -> &mut Entries {
        self.classes.push(descriptor.to_owned());
        self
    }

    /// A method that is called by its name on any class, as a layout's `onClick` is.
    pub fn handler(&mut self, name: &str) -> &mut Entries {
        self.handlers.push(name.to_owned());
        self
    }
}

/// What can run.
#[derive(Debug)]
pub struct Reach {
    reached: Vec<bool>,
    live: Vec<bool>,
    complete: bool,
}

impl Reach {
    /// Follows the program from its entries.
    pub fn new(program: &Program<'_>, entries: &Entries) -> Reach {
        let mut walk = Walk::new(program, entries);
        for descriptor in &entries.classes {
            if let Some(class) = program.find_type(descriptor).and_then(|of| program.class_of(of)) {
                walk.construct(class);
            }
        }
        walk.run();
        let complete = walk.steps < MAX_STEPS;
        if !complete {
            walk.reached.fill(true);
            walk.live.fill(true);
        }
        Reach { reached: walk.reached, live: walk.live, complete }
    }

    /// Whether a method can run.
    pub fn contains(&self, definition: DefinitionId) -> bool {
        self.reached.get(definition.at()).copied().unwrap_or_default()
    }

    /// Whether a class can have instances.
    pub fn is_live(&self, class: ClassId) -> bool {
        self.live.get(class.at()).copied().unwrap_or_default()
    }

    /// How many methods can run.
    pub fn count(&self) -> usize {
        self.reached.iter().filter(|reached| **reached).count()
    }

    /// Whether the walk came to its end. If not, everything counts as reachable.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

struct Walk<'p, 'a> {
    program: &'p Program<'a>,
    reached: Vec<bool>,
    /// Classes that can have instances.
    live: Vec<bool>,
    /// Classes whose static initialiser can run.
    initialised: Vec<bool>,
    /// Methods that are called on instances.
    called: Vec<bool>,
    /// Methods that are called without a choice.
    bound: Vec<bool>,
    /// For each string the class that it names.
    named: Vec<u32>,
    handlers: Vec<super::StringId>,
    code: Vec<DefinitionId>,
    classes: Vec<ClassId>,
    calls: Vec<MethodId>,
    /// The round in which a type was last seen below a receiver.
    seen: Vec<u32>,
    round: u32,
    steps: u64,
}

impl<'p, 'a> Walk<'p, 'a> {
    fn new(program: &'p Program<'a>, entries: &Entries) -> Walk<'p, 'a> {
        let mut named = vec![NONE; program.strings.len()];
        for (id, class) in program.classes() {
            let name = names::dotted(&program.descriptor(class.of).decode());
            if let Some(slot) = program.find_string(&name).and_then(|string| named.get_mut(string.at())) {
                *slot = id.0;
            }
        }
        Walk {
            program,
            reached: vec![false; program.definitions.len()],
            live: vec![false; program.classes.len()],
            initialised: vec![false; program.classes.len()],
            called: vec![false; program.methods.len()],
            bound: vec![false; program.methods.len()],
            named,
            handlers: entries.handlers.iter().filter_map(|name| program.find_string(name)).collect(),
            code: Vec::new(),
            classes: Vec::new(),
            calls: Vec::new(),
            seen: vec![0; program.types.len()],
            round: 0,
            steps: 0,
        }
    }

    fn run(&mut self) {
        while self.steps < MAX_STEPS {
            if let Some(definition) = self.code.pop() {
                self.follow(definition);
            } else if let Some(class) = self.classes.pop() {
                self.dispatch_on(class);
            } else if let Some(method) = self.calls.pop() {
                self.dispatch(method);
            } else {
                return;
            }
        }
    }

    fn reach(&mut self, definition: DefinitionId) {
        if let Some(reached) = self.reached.get_mut(definition.at()).filter(|reached| !**reached) {
            *reached = true;
            self.code.push(definition);
        }
    }

    /// The class can have instances, made in some way that the code does not show.
    fn construct(&mut self, class: ClassId) {
        self.make_live(class);
        let program = self.program;
        for id in program.class(class).into_iter().flat_map(|class| program.methods_in(class)) {
            if program.definition(id).is_some_and(|definition| definition.access.has(Access::CONSTRUCTOR)) {
                self.reach(id);
            }
        }
    }

    fn make_live(&mut self, class: ClassId) {
        if let Some(live) = self.live.get_mut(class.at()).filter(|live| !**live) {
            *live = true;
            self.classes.push(class);
            self.initialise(class);
        }
    }

    fn make_live_type(&mut self, of: TypeId) {
        if let Some(class) = self.program.class_of(of) {
            self.make_live(class);
        }
    }

    /// The static initialisers of the class and its superclasses can run.
    fn initialise(&mut self, class: ClassId) {
        let program = self.program;
        let Some(of) = program.class(class).map(|class| class.of) else { return };
        for class in program.superclasses(of) {
            let Some(id) = program.class_of(class.of) else { return };
            match self.initialised.get_mut(id.at()) {
                Some(done) if !*done => *done = true,
                _ => return,
            }
            let initialiser = program.methods_in(class).find(|id| {
                let access = program.definition(*id).map_or(Access(0), |definition| definition.access);
                access.has(Access::STATIC) && access.has(Access::CONSTRUCTOR)
            });
            if let Some(initialiser) = initialiser {
                self.reach(initialiser);
            }
        }
    }

    fn initialise_type(&mut self, of: TypeId) {
        if let Some(class) = self.program.class_of(of) {
            self.initialise(class);
        }
    }

    fn follow(&mut self, id: DefinitionId) {
        let program = self.program;
        let (Some(code), Some(unit)) = (program.code(id), program.unit_of(id)) else { return };
        self.steps += u64::from(code.len()) / 8 + 1;
        for reference in code.references() {
            self.follow_reference(unit, reference);
        }
    }

    fn follow_reference(&mut self, unit: &Unit<'a>, Reference { opcode, index, .. }: Reference) {
        let at = index as usize;
        match opcode.reference() {
            ReferenceKind::Method => {
                let Some(method) = unit.methods.get(at).copied() else { return };
                if opcode.is_dispatched() { self.call(method) } else { self.bind(method) }
            }
            ReferenceKind::Field if matches!(opcode.0, 0x60..=0x6d) => {
                if let Some(field) = unit.fields.get(at) {
                    self.initialise_type(self.program.field(*field).class);
                }
            }
            ReferenceKind::Type => {
                let Some(of) = unit.types.get(at).copied() else { return };
                match opcode {
                    Opcode::NEW_INSTANCE => self.make_live_type(of),
                    Opcode::CONST_CLASS => {
                        if let Some(class) = self.program.class_of(of) {
                            self.construct(class);
                        }
                    }
                    _ => {}
                }
            }
            ReferenceKind::String => {
                let named = unit.strings.get(at).and_then(|string| self.named.get(string.at()));
                if let Some(class) = named.copied().filter(|class| *class != NONE).map(ClassId) {
                    self.open(class);
                }
            }
            ReferenceKind::CallSite => {
                let Ok(values) = unit.dex.call_site(crate::dex::CallSiteIndex(index)) else { return };
                for value in values.map_while(Result::ok).take(64) {
                    if let EncodedValue::MethodHandle(handle) = value {
                        self.follow_handle(unit, handle);
                    }
                }
            }
            ReferenceKind::MethodHandle => self.follow_handle(unit, crate::dex::MethodHandleIndex(index)),
            _ => {}
        }
    }

    fn follow_handle(&mut self, unit: &Unit<'a>, handle: crate::dex::MethodHandleIndex) {
        if let Ok(MethodHandle::Method { kind, method }) = unit.dex.method_handle(handle) {
            let Some(method) = unit.method(method) else { return };
            match kind {
                5 | 8 => self.call(method),
                6 => {
                    self.make_live_type(self.program.method(method).class);
                    self.bind(method);
                }
                _ => self.bind(method),
            }
        }
    }

    /// Everything that a class declares can run: it is named by a string, so reflection may do anything with it.
    fn open(&mut self, class: ClassId) {
        self.construct(class);
        let program = self.program;
        for id in program.class(class).into_iter().flat_map(|class| program.methods_in(class)) {
            self.reach(id);
        }
    }

    /// A call without a choice: static, direct or to the superclass.
    fn bind(&mut self, method: MethodId) {
        let Some(bound) = self.bound.get_mut(method.at()).filter(|bound| !**bound) else { return };
        *bound = true;
        let key = self.program.method(method);
        if let Some(definition) = self.program.lookup_counted(key.class, key.name, key.proto, &mut self.steps) {
            self.reach(definition);
            if let Some(class) = self.program.definition(definition).filter(|one| one.access.has(Access::STATIC)) {
                self.initialise(class.class);
            }
        }
    }

    /// A call on an instance.
    fn call(&mut self, method: MethodId) {
        if let Some(called) = self.called.get_mut(method.at()).filter(|called| !**called) {
            *called = true;
            self.calls.push(method);
        }
    }

    /// Runs a call on every class below its receiver that can have instances.
    fn dispatch(&mut self, method: MethodId) {
        let program = self.program;
        let key = program.method(method);
        self.round += 1;
        let mut below = vec![key.class];
        while let Some(of) = below.pop() {
            match self.seen.get_mut(of.at()) {
                Some(seen) if *seen != self.round => *seen = self.round,
                _ => continue,
            }
            self.steps += 1;
            if program.class_of(of).is_some_and(|class| self.live.get(class.at()).copied().unwrap_or_default())
                && let Some(definition) = program.lookup_counted(of, key.name, key.proto, &mut self.steps)
            {
                self.reach(definition);
            }
            below.extend(program.subtypes(of));
        }
    }

    /// Runs every call that was seen so far on a class that now can have instances, and what the platform may call.
    fn dispatch_on(&mut self, class: ClassId) {
        let program = self.program;
        let Some(of) = program.class(class).map(|class| class.of) else { return };
        let ancestors = program.ancestors(of);
        for above in &ancestors {
            for (id, key) in program.methods_of(*above) {
                self.steps += 1;
                if self.called.get(id.at()).copied().unwrap_or_default()
                    && let Some(definition) = program.lookup_counted(of, key.name, key.proto, &mut self.steps)
                {
                    self.reach(definition);
                }
            }
        }
        let mut open = false;
        let mut own: Vec<_> = program.superclasses(of).collect();
        // From the top down: what stands above a class decides whether the platform knows it.
        while let Some(class) = own.pop() {
            open |= class.superclass.iter().chain(program.interfaces(class)).any(|above| self.calls_back(*above));
            for id in program.methods_in(class).rev() {
                let Some(definition) = program.definition(id).filter(|one| one.is_virtual) else { break };
                self.steps += 1;
                let visible = definition.access.has(Access::PUBLIC) || definition.access.has(Access::PROTECTED);
                let name = program.method(definition.method).name;
                if visible && (open || self.handlers.contains(&name) || is_of_object(program.string(name).as_bytes())) {
                    self.reach(id);
                }
            }
        }
    }

    /// Whether an external type, or one above it, has methods that the platform calls.
    fn calls_back(&self, of: TypeId) -> bool {
        self.program.ancestors(of).into_iter().any(|of| {
            self.program.is_external(of)
                && !matches!(
                    self.program.descriptor(of).as_bytes(),
                    b"Ljava/lang/Object;"
                        | b"Ljava/lang/Enum;"
                        | b"Ljava/lang/Cloneable;"
                        | b"Ljava/io/Serializable;"
                        | b"Ljava/lang/annotation/Annotation;"
                )
        })
    }
}

/// Whether `java.lang.Object` has a method of this name that the platform calls.
fn is_of_object(name: &[u8]) -> bool {
    matches!(name, b"toString" | b"hashCode" | b"equals" | b"finalize")
}
