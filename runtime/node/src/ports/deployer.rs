//! Deploys code through the packages of the node.

use busker_admin::ports::{DeployAnswer, Deployer};
use busker_model::Fault;
use busker_packages::{Deployed, Packages};
use busker_service::BoxFuture;
use bytes::Bytes;

/// Hands over to the packages.
#[derive(Debug)]
pub(crate) struct PackageDeployer(pub(crate) Packages);

fn answer(deployed: Deployed) -> DeployAnswer {
    DeployAnswer {
        package: deployed.package,
        name: deployed.name,
        generation: deployed.generation,
        state: deployed.state,
        services: deployed.services,
    }
}

impl Deployer for PackageDeployer {
    fn deploy(
        &self,
        name: String,
        bytes: Bytes,
        who: String,
    ) -> BoxFuture<'static, Result<DeployAnswer, Fault>> {
        let packages = self.0.clone();
        Box::pin(async move { packages.deploy(name, bytes, who).await.map(answer) })
    }

    fn delete(
        &self,
        service: String,
        who: String,
    ) -> BoxFuture<'static, Result<DeployAnswer, Fault>> {
        let packages = self.0.clone();
        Box::pin(async move { packages.delete(service, who).await.map(answer) })
    }

    fn rollback(
        &self,
        name: String,
        to: Option<i64>,
        who: String,
    ) -> BoxFuture<'static, Result<DeployAnswer, Fault>> {
        let packages = self.0.clone();
        Box::pin(async move { packages.rollback(name, to, who).await.map(answer) })
    }
}
