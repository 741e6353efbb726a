//! Names of classes: descriptors, dotted names, packages.

/// `Lcom/example/Main;` for `com.example.Main`.
pub fn descriptor(class: &str) -> String {
    format!("L{};", class.replace('.', "/"))
}

/// `com.example.Main` for `Lcom/example/Main;`, `byte[]` for `[B`.
pub fn dotted(descriptor: &str) -> String {
    let element = descriptor.trim_start_matches('[');
    let name = match element {
        "V" => "void".to_owned(),
        "Z" => "boolean".to_owned(),
        "B" => "byte".to_owned(),
        "S" => "short".to_owned(),
        "C" => "char".to_owned(),
        "I" => "int".to_owned(),
        "J" => "long".to_owned(),
        "F" => "float".to_owned(),
        "D" => "double".to_owned(),
        _ => class_path(element).replace('/', "."),
    };
    name + &"[]".repeat(descriptor.len() - element.len())
}

/// `com/example` for `Lcom/example/Main;`; empty for a class without a package.
pub fn package(descriptor: &str) -> &str {
    class_path(descriptor.trim_start_matches('[')).rsplit_once('/').map_or("", |(package, _)| package)
}

/// Whether a class lies in a package or below it: `Lcom/example/ui/Main;` in `com.example`, but `Lcom/examples/Main;` not.
pub fn is_within(descriptor: &str, package: &str) -> bool {
    let mut path = class_path(descriptor.trim_start_matches('[')).split('/');
    !package.is_empty() && package.split(['.', '/']).all(|part| path.next() == Some(part)) && path.next().is_some()
}

fn class_path(descriptor: &str) -> &str {
    descriptor.strip_prefix('L').and_then(|rest| rest.strip_suffix(';')).unwrap_or(descriptor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_turned_into_each_other() {
        assert_eq!(descriptor("com.example.Main$1"), "Lcom/example/Main$1;");
        assert_eq!(dotted("[[Lcom/example/Main;"), "com.example.Main[][]");
        assert_eq!(dotted("J"), "long");
        assert_eq!(package("Lcom/example/Main;"), "com/example");
        assert_eq!(package("LMain;"), "");
    }

    #[test]
    fn packages_are_compared_by_their_parts() {
        assert!(is_within("Lcom/example/ui/Main;", "com.example"));
        assert!(is_within("[Lcom/example/Main;", "com/example"));
        assert!(!is_within("Lcom/examples/Main;", "com.example"));
        assert!(!is_within("Lcom/example;", "com.example"), "a class, not a package");
        assert!(!is_within("LMain;", ""));
    }
}
