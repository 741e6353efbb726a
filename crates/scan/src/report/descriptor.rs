//! Names of classes and methods for people, from the descriptors of the DEX format (`Lorg/example/A;`, `a([BI)V`).

/// The name of a class: `org.example.A` for `Lorg/example/A;`, `byte[]` for `[B`. What is no descriptor stays.
pub fn class_name(descriptor: &str) -> String {
    match one_type(descriptor) {
        Some((name, "")) => name,
        _ => descriptor.to_owned(),
    }
}

/// A method with the short names of its parameters: `check(byte[], String)` for `check([BLjava/lang/String;)V`. What is
/// no descriptor stays.
pub fn method_name(method: &str) -> String {
    let Some((name, rest)) = method.split_once('(') else { return method.to_owned() };
    let Some((mut parameters, _)) = rest.split_once(')') else { return method.to_owned() };
    let mut names = Vec::new();
    while !parameters.is_empty() {
        let Some((full, rest)) = one_type(parameters) else { return method.to_owned() };
        names.push(full.rsplit('.').next().unwrap_or_default().to_owned());
        parameters = rest;
    }
    format!("{name}({})", names.join(", "))
}

/// The first type and what follows it.
fn one_type(text: &str) -> Option<(String, &str)> {
    let element = text.trim_start_matches('[');
    let depth = text.len() - element.len();
    if depth > 255 {
        return None;
    }
    let (name, rest) = match element.chars().next()? {
        'L' => {
            let (class, rest) = element.get(1..)?.split_once(';')?;
            (class.replace('/', "."), rest)
        }
        letter => (primitive(letter)?.to_owned(), element.get(1..)?),
    };
    Some((name + &"[]".repeat(depth), rest))
}

fn primitive(letter: char) -> Option<&'static str> {
    Some(match letter {
        'V' => "void",
        'Z' => "boolean",
        'B' => "byte",
        'S' => "short",
        'C' => "char",
        'I' => "int",
        'J' => "long",
        'F' => "float",
        'D' => "double",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_read_as_names() {
        assert_eq!(class_name("Lorg/example/A$B;"), "org.example.A$B");
        assert_eq!(class_name("[[J"), "long[][]");
        assert_eq!(class_name("MyApp.Client"), "MyApp.Client");
        assert_eq!(method_name("<init>()V"), "<init>()");
        assert_eq!(method_name("check([BLjava/lang/String;I)V"), "check(byte[], String, int)");
        for odd in ["", "a", "a(", "a(Lx)", "a(Q)V", "a([)V", "ä(ö)ü"] {
            assert_eq!(method_name(odd), odd);
        }
        assert_eq!(class_name(&"[".repeat(70_000)), "[".repeat(70_000));
    }
}
