//! The part of XML Schema that a WSDL needs, and how it is written.

use crate::xml::typed::KEY;

/// What is in an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    /// A simple type of XML Schema, such as `string`.
    Simple(&'static str),
    /// JSON text: the type `json` of the document.
    Json,
    /// One of these words.
    Words(Vec<String>),
    /// These elements, in this order.
    Sequence(Vec<Member>),
    /// Anything.
    Open,
}

/// A declared element.
#[expect(
    clippy::struct_excessive_bools,
    reason = "three facets that XML Schema lets combine freely"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) doc: String,
    /// Whether it may be missing, and may say that it is null.
    pub(super) optional: bool,
    /// Whether there can be any number of it.
    pub(super) repeated: bool,
    /// Whether it has the attribute `key`.
    pub(super) keyed: bool,
}

impl Member {
    /// An element that must be there.
    pub(super) fn new(name: impl Into<String>, ty: Type) -> Self {
        Self {
            name: name.into(),
            ty,
            doc: String::new(),
            optional: false,
            repeated: false,
            keyed: false,
        }
    }

    pub(super) const fn optional(mut self, optional: bool) -> Self {
        self.optional = optional;
        self
    }

    pub(super) const fn repeated(mut self) -> Self {
        self.repeated = true;
        self
    }

    pub(super) fn documented(mut self, doc: &str) -> Self {
        doc.clone_into(&mut self.doc);
        self
    }

    /// Whether the type `json` is in it somewhere.
    pub(super) fn has_json(&self) -> bool {
        match &self.ty {
            Type::Json => true,
            Type::Sequence(members) => members.iter().any(Self::has_json),
            Type::Simple(_) | Type::Words(_) | Type::Open => false,
        }
    }
}

/// Writes a declaration; one at the top of a schema says nothing of how often it is there.
pub(super) fn element(out: &mut String, member: &Member, is_top: bool) {
    push(out, &["<xsd:element name=\"", &member.name, "\""]);
    if !is_top && (member.optional || member.repeated) {
        out.push_str(" minOccurs=\"0\"");
    }
    if !is_top && member.repeated {
        out.push_str(" maxOccurs=\"unbounded\"");
    }
    if member.optional || member.repeated {
        out.push_str(" nillable=\"true\"");
    }
    match &member.ty {
        Type::Simple(name) if !member.keyed => attribute(out, "type", &format!("xsd:{name}")),
        Type::Json if !member.keyed => attribute(out, "type", "tns:json"),
        Type::Open if !member.keyed => attribute(out, "type", "xsd:anyType"),
        Type::Simple(_) | Type::Json | Type::Open | Type::Words(_) | Type::Sequence(_) => {}
    }
    let named = matches!(member.ty, Type::Simple(_) | Type::Json | Type::Open) && !member.keyed;
    if named && member.doc.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    documentation(out, "xsd", &member.doc);
    if !named {
        anonymous(out, member);
    }
    out.push_str("</xsd:element>");
}

/// Documentation, of a schema or of the WSDL itself.
pub(super) fn documentation(out: &mut String, prefix: &str, doc: &str) {
    if doc.is_empty() {
        return;
    }
    let (open, close) = match prefix {
        "xsd" => (
            "<xsd:annotation><xsd:documentation>",
            "</xsd:documentation></xsd:annotation>",
        ),
        _ => ("<wsdl:documentation>", "</wsdl:documentation>"),
    };
    push(out, &[open, &escaped(doc), close]);
}

fn anonymous(out: &mut String, member: &Member) {
    let key = if member.keyed {
        format!("<xsd:attribute name=\"{KEY}\" type=\"xsd:string\" use=\"required\"/>")
    } else {
        String::new()
    };
    match &member.ty {
        Type::Words(words) if !member.keyed => {
            out.push_str("<xsd:simpleType><xsd:restriction base=\"xsd:string\">");
            for word in words {
                push(out, &["<xsd:enumeration value=\"", &escaped(word), "\"/>"]);
            }
            out.push_str("</xsd:restriction></xsd:simpleType>");
        }
        Type::Words(_) => with_text(out, "xsd:string", &key),
        Type::Simple(name) => with_text(out, &format!("xsd:{name}"), &key),
        Type::Json => with_text(out, "tns:json", &key),
        Type::Sequence(members) => {
            out.push_str("<xsd:complexType><xsd:sequence>");
            for member in members {
                element(out, member, false);
            }
            push(out, &["</xsd:sequence>", &key, "</xsd:complexType>"]);
        }
        Type::Open => push(
            out,
            &[
                "<xsd:complexType mixed=\"true\"><xsd:sequence><xsd:any minOccurs=\"0\" maxOccurs=\"unbounded\" \
                 processContents=\"lax\"/></xsd:sequence>",
                &key,
                "</xsd:complexType>",
            ],
        ),
    }
}

fn with_text(out: &mut String, base: &str, key: &str) {
    push(
        out,
        &[
            "<xsd:complexType><xsd:simpleContent><xsd:extension base=\"",
            base,
            "\">",
            key,
            "</xsd:extension></xsd:simpleContent></xsd:complexType>",
        ],
    );
}

pub(super) fn attribute(out: &mut String, name: &str, value: &str) {
    push(out, &[" ", name, "=\"", &escaped(value), "\""]);
}

/// Text of ours or of a service's author; a character XML has no form for must not fail a WSDL.
pub(super) fn escaped(text: &str) -> String {
    use crate::xml::write::{escape, softened};
    let mut out = String::with_capacity(text.len());
    // Softened text has no character that could fail.
    drop(escape(&mut out, "wsdl", &softened(text)));
    out
}

pub(super) fn push(out: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| out.push_str(part));
}
