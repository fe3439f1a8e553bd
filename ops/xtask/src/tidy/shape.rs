//! Sizes: of a file, of a function, of a message enum and of an error enum; and the opening of a crate.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::{FILE_LINES, Fault, Source, for_tests};

/// Lines of a function from its signature to its brace; blank lines and comments are free.
const FUNCTION_LINES: usize = 70;
/// More kinds of message means two actors or two protocols; the private `Own` variant is free.
const MESSAGES: usize = 8;
/// More kinds of error are more than a caller can tell apart.
const ERRORS: usize = 10;
/// What a crate is, what it is not, where to start.
const CRATE_DOC_LINES: usize = 3;

pub(super) fn faults(source: &Source, file: &syn::File) -> Vec<Fault> {
    let mut walk = Walk {
        source,
        lines: source.text.lines().collect(),
        faults: Vec::new(),
    };
    walk.visit_file(file);
    let mut faults = walk.faults;
    faults.extend(long_file(source, file));
    faults.extend(crate_doc(source));
    faults
}

fn long_file(source: &Source, file: &syn::File) -> Option<Fault> {
    let total = source.text.lines().count();
    let tests: usize = file
        .items
        .iter()
        .filter(|item| item_attributes(item).is_some_and(for_tests))
        .map(|item| height(item.span()))
        .sum();
    let lines = total.saturating_sub(tests);
    let long = lines > FILE_LINES;
    long.then(|| {
        source.fault(
            total,
            format!("{lines} lines, at most {FILE_LINES}: split it"),
        )
    })
}

/// Attributes of the kinds of item that tests keep in the file they test.
fn item_attributes(item: &syn::Item) -> Option<&[syn::Attribute]> {
    if let syn::Item::Mod(module) = item {
        return Some(&module.attrs);
    }
    if let syn::Item::Fn(function) = item {
        return Some(&function.attrs);
    }
    if let syn::Item::Impl(block) = item {
        return Some(&block.attrs);
    }
    None
}

fn height(span: Span) -> usize {
    span.end().line.saturating_sub(span.start().line) + 1
}

fn crate_doc(source: &Source) -> Option<Fault> {
    if !source.path.ends_with("src/lib.rs") {
        return None;
    }
    let opening = source
        .text
        .lines()
        .take_while(|line| line.starts_with("//!"));
    let said = opening.filter(|line| line.trim() != "//!").count();
    let rule = "a crate opens with //!: what it is, what it is not, where to start (3 lines)";
    (said < CRATE_DOC_LINES).then(|| source.fault(1, rule))
}

struct Walk<'a> {
    source: &'a Source,
    lines: Vec<&'a str>,
    faults: Vec<Fault>,
}

impl Walk<'_> {
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.span().start().line;
        let last = block.span().end().line;
        let body = self.lines.get(first - 1..last).unwrap_or_default();
        let lines = body.iter().filter(|line| is_code(line)).count();
        if lines > FUNCTION_LINES {
            let name = &signature.ident;
            let rule = format!("fn {name} has {lines} lines, at most {FUNCTION_LINES}");
            self.faults.push(self.source.fault(first, rule));
        }
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        let name = item.ident.to_string();
        let variants = item
            .variants
            .iter()
            .filter(|variant| variant.ident != "Own")
            .count();
        let cap = if name.ends_with("Message") {
            MESSAGES
        } else if name.ends_with("Error") {
            ERRORS
        } else {
            return;
        };
        if variants > cap {
            let rule = format!("enum {name} has {variants} variants, at most {cap}");
            self.faults
                .push(self.source.fault(item.ident.span().start().line, rule));
        }
    }
}

fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::super::tests::source;
    use super::faults;

    fn rules(path: &str, text: &str) -> Vec<String> {
        let faults = faults(&source(path, text), &syn::parse_file(text).unwrap());
        faults.into_iter().map(|fault| fault.to_string()).collect()
    }

    fn variants(count: usize) -> String {
        (0..count).map(|number| format!("V{number},")).collect()
    }

    #[test]
    fn a_file_is_measured_without_its_tests() {
        let tests = format!(
            "#[cfg(test)]\nmod tests {{\n{}}}\n",
            "fn t() {}\n".repeat(400)
        );
        let code = "fn a() {}\n".repeat(490);
        assert_eq!(
            rules("a/x.rs", &format!("{code}{tests}")),
            Vec::<String>::new()
        );
        let longer = format!("{code}{}", "fn b() {}\n".repeat(11));
        assert_eq!(
            rules("a/x.rs", &longer),
            ["a/x.rs:501: 501 lines, at most 500: split it"]
        );
    }

    #[test]
    fn a_function_is_measured_without_blanks_and_comments() {
        let body =
            |lines: usize| format!("fn long() {{\n{}}}\n", "work();\n// why\n\n".repeat(lines));
        assert_eq!(rules("a/x.rs", &body(68)), Vec::<String>::new());
        assert_eq!(
            rules("a/x.rs", &body(69)),
            ["a/x.rs:1: fn long has 71 lines, at most 70"]
        );
        let method = format!("impl X {{\n{}}}", body(69));
        assert_eq!(
            rules("a/x.rs", &method),
            ["a/x.rs:2: fn long has 71 lines, at most 70"]
        );
    }

    #[test]
    fn messages_and_errors_have_few_variants() {
        let message = |count| format!("enum JobMessage {{ {} Own(u8) }}", variants(count));
        assert_eq!(rules("a/x.rs", &message(8)), Vec::<String>::new());
        assert_eq!(
            rules("a/x.rs", &message(9)),
            ["a/x.rs:1: enum JobMessage has 9 variants, at most 8"]
        );
        let error = format!("enum Error {{ {} }}", variants(11));
        assert_eq!(
            rules("a/x.rs", &error),
            ["a/x.rs:1: enum Error has 11 variants, at most 10"]
        );
        assert_eq!(
            rules("a/x.rs", &format!("enum Kind {{ {} }}", variants(30))),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_crate_opens_with_what_it_is() {
        assert_eq!(
            rules("a/src/lib.rs", "//! One.\n//!\n//! Two.\n//! Three.\n"),
            Vec::<String>::new()
        );
        assert_eq!(rules("a/src/lib.rs", "//! One.\n//!\n//! Two.\n").len(), 1);
        assert_eq!(rules("a/src/other.rs", ""), Vec::<String>::new());
    }
}
