//! The manifest of an Android app, typed: `AndroidManifest.xml`, compiled, from a bundle, or built from source.
//!
//! What is read is what Android's installer reads (`ParsingPackageUtils`, `android.R.styleable.AndroidManifest*`):
//! attributes by resource id, references by the table's default value, the first `application`, the last `uses-sdk`. A flag
//! is `None` where nothing is written, because what holds then depends on API levels; rules decide.
//!
//! To add an attribute: its id in `names.rs`, a field with a sentence, one line that reads it.

mod application;
mod component;
mod filter;
mod names;
mod permission;
mod scope;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use application::{Application, UsesLibrary};
pub use component::{Activity, Component, Kind, PathPermission, Provider, Service};
pub use filter::{Data, IntentFilter, Match};
pub use permission::{Permission, Protection, ProtectionBase, UsesPermission};

use crate::resources::Table;
use crate::xml::{Document, Node};
use names::{
    AUTHORITIES, COMPILE_SDK_VERSION, GL_ES_VERSION, INSTALL_LOCATION, MAX_SDK_VERSION, MIN_SDK_VERSION, NAME, Name,
    REQUIRED, RESOURCE, SHARED_USER_ID, TARGET_PACKAGE, TARGET_SANDBOX_VERSION, TARGET_SDK_VERSION, VALUE,
    VERSION_CODE, VERSION_CODE_MAJOR, VERSION_NAME,
};
use scope::Scope;

/// A manifest. It borrows from the document and the table that it was read from.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Manifest<'d> {
    /// The package's name.
    pub package: Cow<'d, str>,
    /// The name of the split, in a package that is part of an app.
    pub split: Option<Cow<'d, str>>,
    /// The version's number, with the major part in its upper half.
    pub version_code: Option<u64>,
    /// The version's name.
    pub version_name: Option<Cow<'d, str>>,
    /// The user id that it shares with other apps.
    pub shared_user_id: Option<Cow<'d, str>>,
    /// Where it wants to be installed: 0 automatically, 1 inside, 2 on external storage if possible.
    pub install_location: Option<i64>,
    /// The version of the sandbox that it runs in.
    pub sandbox_version: Option<i64>,
    /// The API levels.
    pub sdk: Sdk<'d>,
    /// The permissions that it asks for.
    pub uses_permissions: Vec<UsesPermission<'d>>,
    /// The permissions that it declares.
    pub permissions: Vec<Permission<'d>>,
    /// The features that it uses.
    pub features: Vec<Feature<'d>>,
    /// What it wants to see of other apps.
    pub queries: Queries<'d>,
    /// The application.
    pub application: Option<Application<'d>>,
    /// What it tests.
    pub instrumentations: Vec<Instrumentation<'d>>,
    /// What is worth to know about how it was read.
    pub notes: Vec<Note>,
}

/// API levels.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Sdk<'d> {
    /// The least that it runs on.
    pub min: Option<Level<'d>>,
    /// The one that it was made for.
    pub target: Option<Level<'d>>,
    /// The last that it runs on.
    pub max: Option<Level<'d>>,
    /// The one that it was compiled with.
    pub compile: Option<Level<'d>>,
}

/// An API level.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Level<'d> {
    /// A released one.
    Number(u32),
    /// One that is not released yet.
    Codename(Cow<'d, str>),
}

/// A feature that an app uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Feature<'d> {
    /// Its name; none for a version of OpenGL ES.
    pub name: Option<Cow<'d, str>>,
    /// The version of OpenGL ES, major in the upper half.
    pub gl_es: Option<u32>,
    /// Whether the app can't do without.
    pub required: bool,
}

/// What an app wants to see of other apps.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Queries<'d> {
    /// Packages by name.
    pub packages: Vec<Cow<'d, str>>,
    /// Packages that take such intents.
    pub intents: Vec<IntentFilter<'d>>,
    /// Packages that provide such authorities.
    pub providers: Vec<Cow<'d, str>>,
}

/// A test of another package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instrumentation<'d> {
    /// The class that runs the tests.
    pub name: Cow<'d, str>,
    /// The package under test.
    pub target: Option<Cow<'d, str>>,
}

/// A name with a value, or with a resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetaData<'d> {
    /// Its name.
    pub name: Cow<'d, str>,
    /// Its value; that of the resource where the value is a reference.
    pub value: Option<Cow<'d, str>>,
    /// The resource itself.
    pub resource: Option<Reference<'d>>,
}

/// A resource that an attribute refers to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference<'d> {
    /// Its id; none where the attribute has a value instead.
    pub id: Option<u32>,
    /// Its default value: for a file, the path in the package.
    pub text: Option<Cow<'d, str>>,
}

/// What is worth to know about how a manifest was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The number of the element in the document.
    pub node: u32,
    /// What it is.
    pub kind: NoteKind,
}

/// What is worth to know.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoteKind {
    /// The attribute's value depends on the device; the default was taken.
    #[error("`{attribute}` depends on the device's configuration")]
    VariesByConfig {
        /// Its name.
        attribute: &'static str,
    },
    /// The attribute refers to a resource that is not there.
    #[error("`{attribute}` refers to {id:#010x}, which is not there")]
    Unresolved {
        /// Its name.
        attribute: &'static str,
        /// The resource.
        id: u32,
    },
    /// Another application; Android takes the first.
    #[error("a second application is ignored")]
    SecondApplication,
    /// A component without a name; Android refuses the package.
    #[error("a component has no name")]
    NamelessComponent,
}

/// Why a document is no manifest.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ManifestError {
    /// The root element is another one, or there is none.
    #[error("the root element is `{0}`, not `manifest`")]
    Root(String),
}

impl<'d> Manifest<'d> {
    /// Reads a manifest; references are followed if there is a table.
    pub fn read(document: &'d Document<'d>, table: Option<&'d Table<'d>>) -> Result<Manifest<'d>, ManifestError> {
        let root = document.root().filter(|root| root.name() == "manifest").ok_or_else(|| {
            ManifestError::Root(document.root().map(|root| root.name().chars().take(64).collect()).unwrap_or_default())
        })?;
        let mut scope = Scope::new(table);
        scope.package = scope.plain(root, "package").unwrap_or_default();
        let code = scope.number(root, VERSION_CODE).map(|code| code.cast_unsigned() & 0xffff_ffff);
        let major = scope.count(root, VERSION_CODE_MAJOR).unwrap_or(0);
        let mut manifest = Manifest {
            split: scope.plain(root, "split"),
            version_code: code.map(|code| u64::from(major) << 32 | code),
            version_name: scope.text(root, VERSION_NAME),
            shared_user_id: scope.text(root, SHARED_USER_ID).filter(|id| !id.is_empty()),
            install_location: scope.number(root, INSTALL_LOCATION),
            sandbox_version: scope.number(root, TARGET_SANDBOX_VERSION),
            sdk: Sdk { compile: level(&scope, root, COMPILE_SDK_VERSION), ..Sdk::default() },
            ..Manifest::default()
        };
        for child in root.children() {
            manifest.child(&mut scope, child);
        }
        manifest.package = scope.package;
        manifest.notes = scope.notes;
        Ok(manifest)
    }

    fn child(&mut self, scope: &mut Scope<'d>, node: Node<'d>) {
        match node.name() {
            "uses-sdk" => {
                self.sdk.min = level(scope, node, MIN_SDK_VERSION);
                self.sdk.target = level(scope, node, TARGET_SDK_VERSION);
                self.sdk.max = level(scope, node, MAX_SDK_VERSION);
            }
            "uses-permission" | "uses-permission-sdk-23" | "uses-permission-sdk-m" => {
                self.uses_permissions.extend(UsesPermission::read(scope, node));
            }
            "permission" => self.permissions.extend(Permission::read(scope, node)),
            "uses-feature" => self.features.push(Feature {
                name: scope.text(node, NAME),
                gl_es: scope.count(node, GL_ES_VERSION),
                required: scope.flag(node, REQUIRED).unwrap_or(true),
            }),
            "queries" => {
                self.queries.packages.extend(scope.names(node, "package"));
                self.queries.intents.extend(node.named("intent").map(|intent| IntentFilter::read(scope, intent)));
                let authorities = node.named("provider").filter_map(|provider| scope.text(provider, AUTHORITIES));
                self.queries.providers.extend(authorities);
            }
            "instrumentation" => self.instrumentations.extend(
                scope.class(node, NAME).map(|name| Instrumentation { name, target: scope.text(node, TARGET_PACKAGE) }),
            ),
            "application" if self.application.is_some() => scope.note(node, NoteKind::SecondApplication),
            "application" => self.application = Some(Application::read(scope, node)),
            _ => {}
        }
    }

    /// The API level that it was made for: the least one where nothing is written, and 1 where that is not written.
    pub fn target_sdk(&self) -> u32 {
        self.sdk.target.as_ref().or(self.sdk.min.as_ref()).map_or(1, Level::number)
    }

    /// The least API level that it runs on.
    pub fn min_sdk(&self) -> u32 {
        self.sdk.min.as_ref().map_or(1, Level::number)
    }

    /// All components, in order.
    pub fn components(&self) -> impl Iterator<Item = &Component<'d>> {
        self.application.iter().flat_map(|application| &application.components)
    }

    /// The permission that callers of a component need: its own, or else the application's.
    pub fn guard<'m>(&'m self, component: &'m Component<'d>) -> Option<&'m str> {
        let inherited = || self.application.as_ref().and_then(|application| application.permission.as_deref());
        component.permission.as_deref().or_else(inherited).filter(|permission| !permission.is_empty())
    }

    /// The permissions to read and to write a provider: its own, or else the one that guards it.
    pub fn guards<'m>(&'m self, component: &'m Component<'d>) -> [Option<&'m str>; 2] {
        let guard = self.guard(component);
        let Kind::Provider(provider) = &component.kind else { return [guard; 2] };
        [&provider.read_permission, &provider.write_permission].map(|own| match own.as_deref() {
            Some("") => None,
            Some(permission) => Some(permission),
            None => guard,
        })
    }
}

impl Level<'_> {
    /// The number; an unreleased level is larger than all others.
    pub fn number(&self) -> u32 {
        match self {
            Level::Number(number) => *number,
            Level::Codename(_) => 10_000,
        }
    }
}

impl<'d> MetaData<'d> {
    fn all(scope: &Scope<'d>, node: Node<'d>) -> Vec<MetaData<'d>> {
        let read = |meta: Node<'d>| {
            Some(MetaData {
                name: scope.text(meta, NAME)?,
                value: scope.text(meta, VALUE),
                resource: scope.reference(meta, RESOURCE),
            })
        };
        node.named("meta-data").filter_map(read).collect()
    }
}

fn level<'d>(scope: &Scope<'d>, node: Node<'d>, name: Name) -> Option<Level<'d>> {
    if let Some(number) = scope.count(node, name) {
        return Some(Level::Number(number));
    }
    scope.text(node, name).filter(|text| !text.is_empty()).map(Level::Codename)
}
