//! Paths, operations, parameters and bodies (OpenAPI 3.1 sections 4.8.8 to 4.8.17).

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use indexmap::IndexMap;

use super::{At, Reader, keys};
use crate::error::{Position, nearest};
use crate::route::{Body, Encoding, Location, Parameter, Response, Route, RouteId, Security, Style};
use crate::schema::SchemaNode;
use crate::template::Template;

/// What an operation takes over from its path and document.
struct Inherited<'d> {
    path: &'d str,
    bases: Vec<String>,
    parameters: Vec<Parameter>,
    security: Security,
}

type Routes = Vec<(Route, Arc<Template>, Position)>;

impl<'d> Reader<'d> {
    pub(super) fn paths(&mut self, root: &At<'d>) -> Routes {
        let bases = self.base_paths(root).unwrap_or_else(|| vec![String::new()]);
        let security = self.security(root).unwrap_or_else(Security::token);
        let mut routes = Vec::new();
        let Some(paths) = self.object(root, "paths") else {
            if root.node.get("webhooks").is_none() && root.node.get("components").is_none() {
                self.wrong(root, "the key `paths` is missing".into(), "add it");
            }
            return routes;
        };
        for (path, at) in paths.members() {
            if !path.starts_with('/') {
                // It is the key that is wrong, and its value may begin lines below.
                let position = paths.node.key_position(path).unwrap_or(at.node.position);
                let near = Some(format!("/{path}"));
                self.unknown(position, &at.pointer, format!("the path `{path}` does not start with `/`"), near, "");
                continue;
            }
            let Some(item) = self.path_item(&at) else { continue };
            self.keys(&item, &keys::PATH_ITEM);
            let inherited = Inherited {
                path,
                bases: self.base_paths(&item).unwrap_or_else(|| bases.clone()),
                parameters: self.parameters(&item),
                security: security.clone(),
            };
            for method in keys::METHODS {
                if let Some(operation) = item.child(method) {
                    self.operation(method, &operation, &inherited, &mut routes);
                }
            }
        }
        routes
    }

    fn path_item(&mut self, at: &At<'d>) -> Option<At<'d>> {
        if at.node.get("$ref").is_some() {
            let other = at.members().into_iter().find(|(key, _)| !["$ref", "summary", "description"].contains(key));
            if let Some((key, other)) = other {
                self.wrong(
                    &other,
                    format!("`{key}` stands beside `$ref`, which has no defined meaning here"),
                    "keep one",
                );
            }
        }
        self.follow(at)
    }

    fn operation(&mut self, method: &str, at: &At<'d>, inherited: &Inherited<'d>, routes: &mut Routes) {
        self.keys(at, &keys::OPERATION);
        let operation_id = self.string(at, "operationId");
        if let Some(id) = operation_id.filter(|id| !self.operation_ids.insert(id)) {
            self.wrong(at, format!("the operationId `{id}` stands twice"), "give each operation its own");
        }
        let mut parameters = self.parameters(at);
        for parameter in &inherited.parameters {
            let same = |own: &Parameter| own.name == parameter.name && own.location == parameter.location;
            if !parameters.iter().any(same) {
                parameters.push(parameter.clone());
            }
        }
        let body = at.child("requestBody").and_then(|body| self.request_body(&body));
        let responses = self.responses(at);
        let security = self.security(at).unwrap_or_else(|| inherited.security.clone());
        let rules = self.rules(at);
        if security == Security::Public && (rules.acr.is_some() || !rules.scopes.is_empty() || !rules.roles.is_empty())
        {
            let what = "the operation is public by `security: []`, yet `x-testudo` asks for a caller".into();
            self.wrong(at, what, "remove one of the two");
        }
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).ok();
        let bases = self.base_paths(at).unwrap_or_else(|| inherited.bases.clone());
        for base in bases {
            let full = format!("{base}{}", inherited.path);
            let template = match Template::parse(&full) {
                Ok(template) => Arc::new(template),
                Err(error) => return self.wrong(at, format!("`{full}` is not a path template: {error}"), ""),
            };
            self.match_names(at, &template, &parameters);
            let route = Route {
                id: RouteId(u32::try_from(routes.len()).unwrap_or(u32::MAX)),
                method: method.clone(),
                template: full.into(),
                operation_id: operation_id.map(Into::into),
                security: security.clone(),
                parameters: parameters.clone(),
                request_body: body.clone(),
                responses: responses.clone(),
                data: BTreeSet::new(),
                rules: rules.clone(),
            };
            routes.push((route, template, at.node.position));
        }
    }

    /// Every parameter of the template is declared, and every declared one stands in the template.
    fn match_names(&mut self, at: &At<'d>, template: &Template, parameters: &[Parameter]) {
        let declared: Vec<&str> =
            parameters.iter().filter(|p| p.location == Location::Path).map(|parameter| &*parameter.name).collect();
        let used: Vec<&str> = template.names().collect();
        for name in used.iter().filter(|name| !declared.contains(name)) {
            let what = format!("the path has `{{{name}}}`, and no path parameter of that name is declared");
            let near = nearest(name, declared.iter().copied());
            self.unknown(at.node.position, &at.pointer, what, near, "declare it in `parameters` with `in: path`");
        }
        for name in declared.iter().filter(|name| !used.contains(name)) {
            let what = format!("the path parameter `{name}` is declared and does not stand in the path");
            let near = nearest(name, used.iter().copied());
            self.unknown(at.node.position, &at.pointer, what, near, "put it into the path, or remove it");
        }
    }

    fn parameters(&mut self, at: &At<'d>) -> Vec<Parameter> {
        let Some(all) = self.short_list(at, "parameters") else { return Vec::new() };
        let mut parameters: Vec<Parameter> = Vec::new();
        for item in all.items() {
            let Some(parameter) = self.parameter(&item) else { continue };
            if parameters.iter().any(|p| p.name == parameter.name && p.location == parameter.location) {
                self.wrong(&item, format!("the parameter `{}` stands twice", parameter.name), "keep one");
            } else {
                parameters.push(parameter);
            }
        }
        parameters
    }

    pub(super) fn parameter(&mut self, at: &At<'d>) -> Option<Parameter> {
        if !self.counts(at) {
            return None;
        }
        let at = self.follow(at)?;
        self.keys(&at, &keys::PARAMETER);
        let name = self.need(&at, "name").and_then(|_| self.string(&at, "name"));
        let place = self.need(&at, "in").and_then(|_| self.string(&at, "in"));
        let (name, place) = (name?, place?);
        let location = match place {
            "path" => Location::Path,
            "query" => Location::Query,
            "header" => Location::Header,
            "cookie" => Location::Cookie,
            _ => {
                let near = nearest(place, ["path", "query", "header", "cookie"]);
                let what = format!("a parameter can't be in `{place}`");
                self.unknown(at.node.position, &at.pointer, what, near, "use `path`, `query`, `header` or `cookie`");
                return None;
            }
        };
        let required = self.flag(&at, "required").unwrap_or_default();
        if location == Location::Path && !required {
            self.wrong(&at, format!("the path parameter `{name}` must be required"), "add `required: true`");
        }
        let style = self.style(&at, location);
        let (schema, media_type) = self.content_or_schema(&at);
        let lower = location == Location::Header;
        Some(Parameter {
            name: if lower { name.to_ascii_lowercase().into() } else { name.into() },
            location,
            required,
            style,
            explode: self.flag(&at, "explode").unwrap_or(style == Style::Form),
            allow_reserved: self.flag(&at, "allowReserved").unwrap_or_default(),
            schema,
            media_type,
        })
    }

    fn style(&mut self, at: &At<'d>, location: Location) -> Style {
        let default = match location {
            Location::Path | Location::Header => Style::Simple,
            Location::Query | Location::Cookie => Style::Form,
        };
        let Some(written) = self.string(at, "style") else { return default };
        let known: &[(&str, Style)] = match location {
            Location::Path => &[("simple", Style::Simple), ("label", Style::Label), ("matrix", Style::Matrix)],
            Location::Header => &[("simple", Style::Simple)],
            Location::Cookie => &[("form", Style::Form)],
            Location::Query => &[
                ("form", Style::Form),
                ("spaceDelimited", Style::SpaceDelimited),
                ("pipeDelimited", Style::PipeDelimited),
                ("deepObject", Style::DeepObject),
            ],
        };
        if let Some((_, style)) = known.iter().find(|(name, _)| *name == written) {
            return *style;
        }
        let near = nearest(written, known.iter().map(|(name, _)| *name));
        let what = format!("the style `{written}` does not fit the place of this parameter");
        self.unknown(at.node.position, &at.pointer, what, near, "remove it to take the usual one");
        default
    }

    /// A parameter or header has either a schema, or one media type with a schema.
    fn content_or_schema(&mut self, at: &At<'d>) -> (Option<SchemaNode>, Option<Arc<str>>) {
        let content = self.content(at);
        match (at.child("schema"), content.len()) {
            (Some(schema), 0) => (self.schema(&schema), None),
            (None, 1) => content.into_iter().next().map_or((None, None), |(media, schema)| (schema, Some(media))),
            (None, 0) => {
                self.wrong(at, "neither `schema` nor `content` says what is allowed here".into(), "add `schema`");
                (None, None)
            }
            _ => {
                self.wrong(at, "there is more than one of `schema` and media types".into(), "keep one");
                (None, None)
            }
        }
    }

    pub(super) fn request_body(&mut self, at: &At<'d>) -> Option<Body> {
        if !self.counts(at) {
            return None;
        }
        let at = self.follow(at)?;
        self.keys(&at, &keys::REQUEST_BODY);
        self.need(&at, "content");
        let required = self.flag(&at, "required").unwrap_or_default();
        Some(Body { required, content: self.content(&at), encodings: self.encodings(&at) })
    }

    /// What `encoding` says, by media type.
    fn encodings(&mut self, at: &At<'d>) -> IndexMap<Arc<str>, IndexMap<Arc<str>, Encoding>> {
        let mut all = IndexMap::new();
        for (media, at) in at.child("content").map(|content| content.members()).unwrap_or_default() {
            let Some(fields) = self.object(&at, "encoding") else { continue };
            let mut encodings = IndexMap::new();
            for (name, field) in fields.entries() {
                self.keys(&field, &keys::ENCODING);
                let types = self.string(&field, "contentType").unwrap_or_default();
                let types = types.split(',').map(essence).filter(|media| !media.is_empty()).map(Into::into);
                let explode = self.flag(&field, "explode");
                encodings.insert(name.into(), Encoding { content_types: types.collect(), explode });
            }
            all.insert(essence(media).into(), encodings);
        }
        all
    }

    fn content(&mut self, at: &At<'d>) -> IndexMap<Arc<str>, Option<SchemaNode>> {
        let mut content = IndexMap::new();
        let Some(all) = self.object(at, "content") else { return content };
        for (media, at) in all.members() {
            let essence = essence(media);
            let fits = essence.split_once('/').is_some_and(|(kind, sub)| !kind.is_empty() && !sub.is_empty());
            if !fits {
                self.wrong(&at, format!("`{media}` is not a media type"), "write it as `application/json`");
                continue;
            }
            self.keys(&at, &keys::MEDIA_TYPE);
            let schema = at.child("schema").and_then(|schema| self.schema(&schema));
            content.insert(essence.into(), schema);
        }
        content
    }

    fn responses(&mut self, operation: &At<'d>) -> IndexMap<Arc<str>, Response> {
        let mut responses = IndexMap::new();
        let Some(all) = self.object(operation, "responses") else {
            if self.version == super::Version::V30 && operation.node.get("responses").is_none() {
                self.wrong(operation, "the key `responses` is missing".into(), "add it");
            }
            return responses;
        };
        for (status, at) in all.members() {
            let fits = match status.as_bytes() {
                b"default" | [b'1'..=b'5', b'X', b'X'] => true,
                [b'1'..=b'5', tens, ones] => tens.is_ascii_digit() && ones.is_ascii_digit(),
                _ => false,
            };
            if !fits {
                let what = format!("`{status}` is not a status");
                self.unknown(
                    at.node.position,
                    &at.pointer,
                    what,
                    nearest(status, ["default"]),
                    "use `200`, `4XX` or `default`",
                );
            }
            if let Some(response) = self.response(&at) {
                responses.insert(status.into(), response);
            }
        }
        responses
    }

    pub(super) fn response(&mut self, at: &At<'d>) -> Option<Response> {
        if !self.counts(at) {
            return None;
        }
        let at = self.follow(at)?;
        self.keys(&at, &keys::RESPONSE);
        let mut headers = IndexMap::new();
        if let Some(all) = self.object(&at, "headers") {
            for (name, at) in all.entries() {
                let schema = self.header(&at);
                headers.insert(name.to_ascii_lowercase().into(), schema);
            }
        }
        Some(Response { content: self.content(&at), headers })
    }

    pub(super) fn header(&mut self, at: &At<'d>) -> Option<SchemaNode> {
        if !self.counts(at) {
            return None;
        }
        let at = self.follow(at)?;
        self.keys(&at, &keys::HEADER);
        self.content_or_schema(&at).0
    }
}

/// A media type without its parameters, in lower case.
fn essence(media: &str) -> String {
    media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
