//! TypeScript declarations of the host API.

use std::fmt::Write as _;

use super::{CALLS, HostCall};

/// What is not in the table: values, facts about the call, errors.
const HEAD: &str = include_str!("head.d.ts");

/// Facts among calls: the name that they lie under, what they say, and their declaration.
const FACTS: &[(&str, &str, &str)] = &[(
    "session",
    "The session of the call that started the run; absent when it had none.",
    "readonly id?: string",
)];

/// A name of the API with what lies under it: `ctx.log` can be called and has members.
#[derive(Default)]
struct Node {
    name: &'static str,
    call: Option<&'static HostCall>,
    members: Vec<Node>,
}

impl Node {
    fn add(&mut self, path: &'static str, call: &'static HostCall) {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let place = self.members.iter().position(|member| member.name == name).unwrap_or(self.members.len());
        if place == self.members.len() {
            self.members.push(Node { name, ..Node::default() });
        }
        let Some(member) = self.members.get_mut(place) else { return };
        match rest {
            Some(rest) => member.add(rest, call),
            None => member.call = Some(call),
        }
    }

    fn write(&self, text: &mut String, indent: &str) {
        if let Some(call) = self.call {
            write_doc(text, indent, call);
        }
        let Node { name, call, members } = self;
        let signature = call.map_or("", |call| call.signature);
        if members.is_empty() {
            let _ = writeln!(text, "{indent}{name}{signature};"); // writing to a string cannot fail
            return;
        }
        let _ = writeln!(text, "{indent}readonly {name}: {{");
        for (_, doc, fact) in FACTS.iter().filter(|(of, _, _)| of == name) {
            let _ = writeln!(text, "{indent}  /** {doc} */\n{indent}  {fact};");
        }
        if call.is_some() {
            let _ = writeln!(text, "{indent}  {signature};");
        }
        for member in members {
            member.write(text, &format!("{indent}  "));
        }
        let _ = writeln!(text, "{indent}}};");
    }
}

fn write_doc(text: &mut String, indent: &str, call: &HostCall) {
    let needs = call.needs.map(|needs| format!(" Needs {}.", needs.in_words()));
    let _ = writeln!(text, "{indent}/** {}{} */", call.doc, needs.unwrap_or_default());
}

/// Declarations of everything that a function finds: the global namespace `nexus` with the type of `ctx`
/// (`nexus.Context`), and globals that are not the language's own.
pub fn typescript() -> String {
    let (mut context, mut globals) = (Node::default(), Node::default());
    for call in CALLS {
        match call.name.strip_prefix("ctx.") {
            Some(path) => context.add(path, call),
            None => globals.add(call.name, call),
        }
    }
    let (before, after) = HEAD.split_once("    // the table\n").unwrap_or((HEAD, ""));
    let mut text = before.to_owned();
    for member in &context.members {
        member.write(&mut text, "    ");
    }
    text.push_str(after);
    for global in &globals.members {
        let _ = writeln!(text, "\ndeclare const {}: {{", global.name);
        for member in &global.members {
            member.write(&mut text, "  ");
        }
        text.push_str("};\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_declared_once_where_it_belongs() {
        let text = typescript();
        for call in CALLS {
            let (_, name) = call.name.rsplit_once('.').unwrap();
            let simple = format!(" {name}{};", call.signature);
            let callable = format!("readonly {name}: {{\n");
            assert!(text.contains(&simple) || text.contains(&callable), "{}", call.name);
        }
        assert!(text.contains("    readonly kv: {\n"));
        assert_eq!(text.matches('{').count(), text.matches('}').count());
        assert!(!text.contains("the table"), "{text}");
    }
}
