//! Classes, fields and methods in the making.

use super::{Annotation, Code, Value};

/// Access flags (`access_flags` definitions).
#[expect(missing_docs, reason = "the names are the format page's own")]
pub mod access {
    pub const PUBLIC: u32 = 0x1;
    pub const PRIVATE: u32 = 0x2;
    pub const PROTECTED: u32 = 0x4;
    pub const STATIC: u32 = 0x8;
    pub const FINAL: u32 = 0x10;
    pub const SYNCHRONIZED: u32 = 0x20;
    pub const BRIDGE: u32 = 0x40;
    pub const VARARGS: u32 = 0x80;
    pub const NATIVE: u32 = 0x100;
    pub const INTERFACE: u32 = 0x200;
    pub const ABSTRACT: u32 = 0x400;
    pub const SYNTHETIC: u32 = 0x1000;
    pub const ANNOTATION: u32 = 0x2000;
    pub const ENUM: u32 = 0x4000;
    pub const CONSTRUCTOR: u32 = 0x1_0000;
}

/// A class.
#[derive(Debug, Clone)]
pub struct Class {
    pub(super) descriptor: String,
    pub(super) access: u32,
    pub(super) superclass: Option<String>,
    pub(super) interfaces: Vec<String>,
    pub(super) source: Option<String>,
    pub(super) fields: Vec<Field>,
    pub(super) methods: Vec<Method>,
    pub(super) annotations: Vec<Annotation>,
}

/// A field.
#[derive(Debug, Clone)]
pub struct Field {
    pub(super) name: String,
    pub(super) of: String,
    pub(super) access: u32,
    pub(super) value: Option<Value>,
    pub(super) annotations: Vec<Annotation>,
}

/// A method.
#[derive(Debug, Clone)]
pub struct Method {
    pub(super) name: String,
    pub(super) signature: String,
    pub(super) access: u32,
    pub(super) code: Option<Code>,
    pub(super) annotations: Vec<Annotation>,
}

impl Class {
    pub(super) fn new(descriptor: &str) -> Class {
        assert!(descriptor.starts_with('L') && descriptor.ends_with(';'), "`{descriptor}` is no class descriptor");
        Class {
            descriptor: descriptor.to_owned(),
            access: access::PUBLIC,
            superclass: Some("Ljava/lang/Object;".to_owned()),
            interfaces: Vec::new(),
            source: None,
            fields: Vec::new(),
            methods: Vec::new(),
            annotations: Vec::new(),
        }
    }

    /// Other access flags than public.
    pub fn access(&mut self, flags: u32) -> &mut Class {
        self.access = flags;
        self
    }

    /// Makes it an interface.
    pub fn interface_type(&mut self) -> &mut Class {
        self.access(access::PUBLIC | access::INTERFACE | access::ABSTRACT)
    }

    /// What it extends.
    pub fn extends(&mut self, descriptor: &str) -> &mut Class {
        self.superclass = Some(descriptor.to_owned());
        self
    }

    /// Makes it extend nothing, as only `java.lang.Object` does.
    pub fn extends_nothing(&mut self) -> &mut Class {
        self.superclass = None;
        self
    }

    /// Adds an interface that it implements.
    pub fn implements(&mut self, descriptor: &str) -> &mut Class {
        self.interfaces.push(descriptor.to_owned());
        self
    }

    /// The source file.
    pub fn source(&mut self, file: &str) -> &mut Class {
        self.source = Some(file.to_owned());
        self
    }

    /// Annotates the class.
    pub fn annotate(&mut self, annotation: Annotation) -> &mut Class {
        self.annotations.push(annotation);
        self
    }

    /// Adds a public static final field with a value.
    pub fn constant(&mut self, name: &str, of: &str, value: Value) -> &mut Field {
        let field = self.field(name, of);
        field.access = access::PUBLIC | access::STATIC | access::FINAL;
        field.value = Some(value);
        field
    }

    /// Adds a public static field without a value.
    pub fn static_field(&mut self, name: &str, of: &str) -> &mut Field {
        self.field(name, of).access(access::PUBLIC | access::STATIC)
    }

    /// Adds a private instance field.
    pub fn field(&mut self, name: &str, of: &str) -> &mut Field {
        self.fields.push(Field {
            name: name.to_owned(),
            of: of.to_owned(),
            access: access::PRIVATE,
            value: None,
            annotations: Vec::new(),
        });
        self.fields.last_mut().expect("one was just added")
    }

    /// Adds a public method of an instance; the last registers hold the instance and the arguments.
    pub fn method(
        &mut self,
        name: &str,
        signature: &str,
        registers: u16,
        write: impl FnOnce(&mut Code),
    ) -> &mut Method {
        let mut code = Code::new(registers);
        write(&mut code);
        let method = self.declare(name, signature, access::PUBLIC);
        method.code = Some(code);
        method
    }

    /// Adds a public static method; the last registers hold the arguments.
    pub fn static_method(
        &mut self,
        name: &str,
        signature: &str,
        registers: u16,
        write: impl FnOnce(&mut Code),
    ) -> &mut Method {
        self.method(name, signature, registers, write).access(access::PUBLIC | access::STATIC)
    }

    /// Adds a constructor.
    pub fn constructor(&mut self, signature: &str, registers: u16, write: impl FnOnce(&mut Code)) -> &mut Method {
        self.method("<init>", signature, registers, write).access(access::PUBLIC | access::CONSTRUCTOR)
    }

    /// Adds the constructor that takes nothing and only calls that of the superclass.
    pub fn default_constructor(&mut self) -> &mut Method {
        let superclass = self.superclass.clone().expect("a class without a superclass has no constructor to call");
        self.constructor("()V", 1, |code| {
            code.invoke_direct(&superclass, "<init>", "()V", &[0]).return_void();
        })
    }

    /// Adds the static initialiser.
    pub fn static_initializer(&mut self, registers: u16, write: impl FnOnce(&mut Code)) -> &mut Method {
        self.method("<clinit>", "()V", registers, write).access(access::STATIC | access::CONSTRUCTOR)
    }

    /// Adds a public abstract method.
    pub fn abstract_method(&mut self, name: &str, signature: &str) -> &mut Method {
        self.declare(name, signature, access::PUBLIC | access::ABSTRACT)
    }

    /// Adds a public native method.
    pub fn native_method(&mut self, name: &str, signature: &str) -> &mut Method {
        self.declare(name, signature, access::PUBLIC | access::NATIVE)
    }

    fn declare(&mut self, name: &str, signature: &str, access: u32) -> &mut Method {
        self.methods.push(Method {
            name: name.to_owned(),
            signature: signature.to_owned(),
            access,
            code: None,
            annotations: Vec::new(),
        });
        self.methods.last_mut().expect("one was just added")
    }
}

impl Field {
    /// Other access flags.
    pub fn access(&mut self, flags: u32) -> &mut Field {
        self.access = flags;
        self
    }

    /// Annotates the field.
    pub fn annotate(&mut self, annotation: Annotation) -> &mut Field {
        self.annotations.push(annotation);
        self
    }
}

impl Method {
    /// Other access flags.
    pub fn access(&mut self, flags: u32) -> &mut Method {
        self.access = flags;
        self
    }

    /// Annotates the method.
    pub fn annotate(&mut self, annotation: Annotation) -> &mut Method {
        self.annotations.push(annotation);
        self
    }

    /// Whether calls are decided at build time: constructors, private and static methods.
    pub(super) fn is_direct(&self) -> bool {
        self.access & (access::STATIC | access::PRIVATE | access::CONSTRUCTOR) != 0
    }

    /// How many registers the arguments take.
    pub(super) fn ins(&self) -> u16 {
        let own = u16::from(self.access & access::STATIC == 0);
        super::pool::parameters(&self.signature).iter().map(|of| width(of)).sum::<u16>() + own
    }
}

/// How many registers a value of the type takes.
pub(super) fn width(of: &str) -> u16 {
    if of == "J" || of == "D" { 2 } else { 1 }
}
