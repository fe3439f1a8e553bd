//! From bytes to what a service reads, and back: pure functions over requests and replies.
//!
//! It opens no socket and runs no service; the HTTP front of a node calls [`decode()`], then the service, then
//! [`encode()`], and on any failure [`respond()`]: the one place that turns an error class into a protocol answer.
//! What comes beside a body is read by [`params`] (query and path). [`wsdl`] says what a SOAP channel takes, [`Binding`] is SOAP
//! for operations that JSON Schemas describe, and [`mask`] makes a body fit to be shown.

mod binding;
mod decode;
mod encode;
pub mod mask;
pub mod params;
mod respond;
pub mod wsdl;
mod xml;

pub use binding::{Asked, Binding, Operation};
pub use decode::{Decoded, MAX_JSON_DEPTH, SoapVersion, decode, decode_soap, soap_element};
pub use encode::{EncodeContext, Encoded, encode, encode_admin};
pub use respond::{ErrorStyle, respond, status_of};
pub use xml::soap::HeaderName;
pub use xml::{ElementName, root_of};
pub use xml::{MAX_XML_ATTRIBUTES, MAX_XML_DEPTH, MAX_XML_NAMESPACES, MAX_XML_NODES};
