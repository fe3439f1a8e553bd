//! The SOAP binding of the admin services, for `POST /api/v1/soap`.

use busker_pipeline::{Binding, Operation};

use crate::operation::AdminService;

/// Namespace of their elements.
pub const NAMESPACE: &str = "urn:busker:admin:1";
/// Name of their WSDL.
pub const WSDL_NAME: &str = "busker_admin";

/// All of them, bound to elements: `busker.cluster.get` is asked for by `<busker_cluster_get_request>`.
#[must_use]
pub fn binding(operations: &[AdminService]) -> Binding {
    Binding::new(NAMESPACE, operations.iter().map(bound).collect())
}

/// One of them, as the binding sees it.
pub(crate) fn bound(operation: &AdminService) -> Operation {
    Operation {
        name: operation.name.clone(),
        summary: operation.summary.clone(),
        input: operation.input_schema(),
        output: operation.output.clone(),
    }
}
