//! The services that are not generated: services, packages, node, cluster, tree.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_catalog::Catalog;
use busker_model::ErrorClass;
use busker_model::invocation::Role;
use busker_odb::nodes::NodeRecord;
use busker_odb::packages::{PackageKind, PackageWrite, StatusWrite};
use serde_json::json;

use crate::bench::{Bench, refusal};

const MARKET: &str = "stockmarket.get-market-cap";

async fn deployed(bench: &Bench) -> i64 {
    let write = PackageWrite {
        name: "stockmarket.py".into(),
        kind: PackageKind::Py,
        payload: b"import this\n".to_vec(),
        services: vec![MARKET.into()],
        uploaded_by: "ann".into(),
    };
    bench.odb.packages().insert(write).await.unwrap().package.id
}

#[tokio::test]
async fn services_are_listed_with_their_counters() {
    let bench = Bench::new().await;
    let listed = bench
        .as_role(
            Role::Viewer,
            "busker.service.list",
            json!({"filter": "STOCK"}),
        )
        .await
        .unwrap();
    let services = listed["services"].as_array().unwrap();
    assert_eq!(services.len(), 1);
    let service = &services[0];
    assert_eq!(service["name"], MARKET);
    assert_eq!(
        (&service["origin"], &service["file"]),
        (&json!("python"), &json!("stockmarket.py"))
    );
    assert_eq!(
        (&service["mean_ms"], &service["max_ms"]),
        (&json!(2.5), &json!(7.5))
    );
    let statistics = bench
        .call("busker.statistics.get", json!({}))
        .await
        .unwrap();
    assert_eq!(statistics["services"][MARKET]["requests"], 4);
    assert_eq!(statistics["channels"]["crm"]["requests"], 3);
}

#[tokio::test]
async fn a_service_names_the_channels_that_expose_it() {
    let bench = Bench::new().await;
    for (name, service) in [("cap", MARKET), ("other", "a.b")] {
        let settings = json!({"url_path": format!("/{name}"), "service": service});
        let input = json!({"name": name, "settings": settings});
        bench
            .call("busker.channel.http.create", input)
            .await
            .unwrap();
    }
    let got = bench
        .call("busker.service.get", json!({"name": MARKET}))
        .await
        .unwrap();
    assert_eq!(got["impl_name"], "stockmarket.GetMarketCap");
    let channels = got["channels"].as_array().unwrap();
    assert_eq!(channels.len(), 1);
    assert_eq!(channels[0]["url_path"], "/cap");
    let missing = bench
        .call("busker.service.get", json!({"name": "no.such"}))
        .await;
    assert_eq!(refusal(missing).0, ErrorClass::NotFound);
}

#[tokio::test]
async fn a_service_is_invoked_with_the_body_a_channel_would_get() {
    let mut bench = Bench::new().await;
    let input = json!({"name": MARKET, "payload": {"symbol": "GOOG"}});
    let answer = bench
        .as_role(Role::Operator, "busker.service.invoke", input)
        .await
        .unwrap();
    assert_eq!(
        (&answer["status"], &answer["body"]),
        (&json!(200), &json!("{\"ok\":true}"))
    );
    assert!(answer["cid"].as_str().unwrap().starts_with('K'));
    let expected = format!("call {MARKET} json plain_http {{\"symbol\":\"GOOG\"}}");
    assert_eq!(bench.asked(), Some(expected));
    let input =
        json!({"name": MARKET, "payload": "<a/>", "data_format": "xml", "transport": "soap"});
    bench.call("busker.service.invoke", input).await.unwrap();
    assert_eq!(bench.asked(), Some(format!("call {MARKET} xml soap <a/>")));
}

#[tokio::test]
async fn a_service_that_needs_a_stronger_role_is_not_invoked_through_the_api() {
    let mut bench = Bench::new().await;
    let input = json!({"name": "vault.open"});
    let refused = bench
        .as_role(Role::Operator, "busker.service.invoke", input.clone())
        .await;
    assert_eq!(refusal(refused).0, ErrorClass::Forbidden);
    assert_eq!(bench.asked(), None);
    bench.call("busker.service.invoke", input).await.unwrap();
    let missing = bench
        .call("busker.service.invoke", json!({"name": "no.such"}))
        .await;
    assert_eq!(refusal(missing).0, ErrorClass::NotFound);
    let headers = json!({"name": MARKET, "headers": {"X-A": 1}});
    let (class, message) = refusal(bench.call("busker.service.invoke", headers).await);
    assert_eq!(class, ErrorClass::Invalid);
    assert!(message.contains("headers.X-A"), "{message}");
}

#[tokio::test]
async fn code_is_deployed_rolled_back_and_undeployed_in_the_callers_name() {
    let mut bench = Bench::new().await;
    let input = json!({"name": "stockmarket.py", "payload_base64": "aW1wb3J0IHRoaXMK"});
    let answer = bench
        .as_role(Role::Developer, "busker.service.deploy", input)
        .await
        .unwrap();
    assert_eq!(
        (&answer["state"], &answer["generation"]),
        (&json!("active"), &json!(1))
    );
    let input = json!({"name": "stockmarket.py", "to": 3});
    bench.call("busker.service.rollback", input).await.unwrap();
    bench
        .call("busker.service.delete", json!({"name": MARKET}))
        .await
        .unwrap();
    for expected in [
        "deploy stockmarket.py 12 bytes ann",
        "rollback stockmarket.py Some(3) ann",
        "delete stockmarket.get-market-cap ann",
    ] {
        assert_eq!(bench.asked().as_deref(), Some(expected));
    }
    for (name, payload) in [("../x.py", "eA=="), ("x.py", "not base64"), ("x.py", "")] {
        let input = json!({"name": name, "payload_base64": payload});
        let refused = bench.call("busker.service.deploy", input).await;
        assert_eq!(refusal(refused).0, ErrorClass::Invalid, "{name} {payload}");
    }
    assert_eq!(bench.asked(), None);
}

#[tokio::test]
async fn a_package_tells_how_it_fares_and_gives_its_source_back() {
    let probe = Bench::new().await;
    let id = deployed(&probe).await;
    let bench = Bench::with(Catalog::builtin(), id).await;
    assert_eq!(deployed(&bench).await, id);
    let status = StatusWrite {
        package: id,
        node: "node1".into(),
        state: "failed".into(),
        message: "Traceback: no module named lxml".into(),
    };
    bench.odb.packages().set_status(status).await.unwrap();
    let got = bench
        .call("busker.package.get", json!({"package": id}))
        .await
        .unwrap();
    assert_eq!(got["name"], "stockmarket.py");
    assert_eq!(got["nodes"][0]["state"], "failed");
    assert!(
        got["nodes"][0]["message"]
            .as_str()
            .unwrap()
            .contains("lxml")
    );
    let listed = bench.call("busker.package.list", json!({})).await.unwrap();
    assert_eq!(listed["packages"][0]["id"], id);
    let source = bench
        .call("busker.service.source", json!({"name": MARKET}))
        .await
        .unwrap();
    assert_eq!(
        (&source["source"], &source["file"]),
        (&json!("import this\n"), &json!("stockmarket.py"))
    );
    let built_in = bench
        .call("busker.service.source", json!({"name": "vault.open"}))
        .await;
    assert_eq!(refusal(built_in).0, ErrorClass::NotFound);
}

#[tokio::test]
async fn a_node_is_drained_only_by_its_own_name() {
    let mut bench = Bench::new().await;
    let (class, message) = refusal(
        bench
            .call("busker.node.drain", json!({"node": "node2"}))
            .await,
    );
    assert_eq!(class, ErrorClass::NotFound);
    assert!(message.contains("node1"), "{message}");
    assert_eq!(bench.asked(), None);
    for verb in ["drain", "resume"] {
        let service = format!("busker.node.{verb}");
        bench
            .call(&service, json!({"node": "node1"}))
            .await
            .unwrap();
        assert_eq!(bench.asked().as_deref(), Some(verb));
    }
    let info = bench.call("busker.node.get-info", json!({})).await.unwrap();
    assert_eq!(info["name"], "node1");
}

/// What a node writes of itself.
async fn report(bench: &Bench, name: &str, state: &str) {
    let node = NodeRecord {
        name: name.into(),
        incarnation: "1".into(),
        address: "127.0.0.1:17010".into(),
        admin_address: "127.0.0.1:8183".into(),
        state: state.into(),
        revision: 2,
        seen_ms: 1,
        info: json!({}),
    };
    bench.odb.nodes().heartbeat(&node).await.unwrap();
}

#[tokio::test]
async fn in_a_cluster_the_living_are_listed_as_they_are_and_the_silent_as_gone() {
    let bench = Bench::of_two().await;
    for (name, state) in [
        ("node1", "running"),
        ("node2", "running"),
        ("node3", "running"),
        ("node4", "draining"),
    ] {
        report(&bench, name, state).await;
    }
    let roster = bench.call("busker.cluster.get-roster", json!({})).await;
    let told: Vec<_> = roster.unwrap()["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let state = node["state"].as_str().unwrap().to_owned();
            (state, node["alive"] == true, node["revision"].as_i64())
        })
        .collect();
    let expected = [
        ("running".to_owned(), true, Some(7)),
        ("standby".to_owned(), true, Some(7)),
        ("gone".to_owned(), false, Some(2)),
        ("stopped".to_owned(), false, Some(2)),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn in_a_cluster_others_are_drained_shown_and_forgotten_by_their_names() {
    let mut bench = Bench::of_two().await;
    let node = json!({"node": "node2"});
    bench.call("busker.node.drain", node.clone()).await.unwrap();
    assert_eq!(bench.asked().as_deref(), Some("node2 drains: true"));
    let input = json!({"node": "node2", "prefix": "node2/front", "limit": 3});
    let tree = bench.call("busker.tree.get", input).await.unwrap();
    assert_eq!(tree, json!({"actors": [], "counts": {}, "total": 0}));
    let asked = bench.asked();
    assert_eq!(asked.as_deref(), Some("tree node2 Some(\"node2/front\") 3"));
    let path = json!({"path": "node2/front/api"});
    bench
        .call("busker.tree.restart-actor", path.clone())
        .await
        .unwrap();
    assert_eq!(bench.asked().as_deref(), Some("restart node2/front/api"));
    bench.call("busker.tree.stop-actor", path).await.unwrap();
    assert_eq!(bench.asked().as_deref(), Some("stop node2/front/api"));
    let ping = bench.call("busker.node.ping", node.clone()).await.unwrap();
    assert_eq!(ping, json!({"node": "node2", "ok": true, "micros": 120}));
    let silent = json!({"node": "node3"});
    let ping = bench.call("busker.node.ping", silent).await.unwrap();
    assert_eq!(
        (&ping["ok"], &ping["class"]),
        (&json!(false), &json!("unavailable"))
    );
    let alive = refusal(bench.call("busker.node.delete", node).await);
    assert_eq!(alive.0, ErrorClass::Conflict);
    report(&bench, "node3", "stopped").await;
    let node = json!({"node": "node3"});
    bench
        .call("busker.node.delete", node.clone())
        .await
        .unwrap();
    let unknown = refusal(bench.call("busker.node.delete", node).await);
    assert_eq!(unknown.0, ErrorClass::NotFound);
}

#[tokio::test]
async fn the_history_of_the_role_says_who_held_it_and_how_it_ended() {
    let bench = Bench::new().await;
    let roles = bench.odb.roles();
    roles.take("scheduler", "node1").await.unwrap();
    roles.ended("scheduler", 1, "released").await.unwrap();
    roles.take("scheduler", "node2").await.unwrap();
    let asked = bench.call("busker.cluster.get-role-history", json!({"limit": 5}));
    let history = asked.await.unwrap();
    let terms = history["terms"].as_array().unwrap();
    assert_eq!(terms.len(), 2);
    assert_eq!(
        (&terms[0]["holder"], &terms[0]["how"]),
        (&json!("node2"), &json!(null))
    );
    assert_eq!(terms[1]["how"], "released");
}

#[tokio::test]
async fn the_cluster_is_edited_field_by_field_and_lists_its_nodes() {
    let bench = Bench::new().await;
    let input = json!({"name": "production", "colour": "#a02020"});
    bench.call("busker.cluster.edit", input).await.unwrap();
    bench
        .call("busker.cluster.edit", json!({"guarded": true}))
        .await
        .unwrap();
    let got = bench.call("busker.cluster.get", json!({})).await.unwrap();
    assert_eq!(
        [&got["name"], &got["colour"], &got["guarded"]],
        [&json!("production"), &json!("#a02020"), &json!(true)]
    );
    for colour in ["red", "#12345", "#12345g"] {
        let refused = bench
            .call("busker.cluster.edit", json!({"colour": colour}))
            .await;
        assert_eq!(refusal(refused).0, ErrorClass::Invalid, "{colour}");
    }
    for name in ["node1", "node2"] {
        report(&bench, name, "running").await;
    }
    let roster = bench
        .call("busker.cluster.get-roster", json!({}))
        .await
        .unwrap();
    let holders: Vec<_> = roster["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["name"].as_str().unwrap(), node["role_holder"] == true))
        .collect();
    assert_eq!(holders, [("node1", true), ("node2", false)]);
}

#[tokio::test]
async fn only_an_actor_that_is_there_is_restarted_or_stopped() {
    let mut bench = Bench::new().await;
    let tree = bench.call("busker.tree.get", json!({})).await.unwrap();
    assert_eq!(
        tree,
        json!({"actors": [], "counts": {}, "total": 0, "position": "boot-7"})
    );
    for (path, class) in [
        ("node1/channels/crm", ErrorClass::NotFound),
        ("", ErrorClass::Invalid),
        ("node1//crm", ErrorClass::Invalid),
    ] {
        for verb in ["restart", "stop"] {
            let refused = bench
                .call(&format!("busker.tree.{verb}-actor"), json!({"path": path}))
                .await;
            assert_eq!(refusal(refused).0, class, "{verb} {path:?}");
        }
    }
    assert_eq!(bench.asked(), None);
    let reason = Some("out of memory".to_owned());
    let kind = busker_model::report::ReportKind::Crashed;
    bench.tree.root().report(kind, reason, None, None);
    let events = bench
        .call("busker.event.list", json!({"limit": 10}))
        .await
        .unwrap();
    assert_eq!(events["reports"][0]["reason"], "out of memory");
    assert_eq!(events["events"], json!([]));
}

#[tokio::test]
async fn channels_and_deployments_of_a_service_are_listed() {
    let bench = Bench::new().await;
    let id = deployed(&bench).await;
    let status = StatusWrite {
        package: id,
        node: "node2".into(),
        state: "failed".into(),
        message: "no module named numpy".into(),
    };
    bench.odb.packages().set_status(status).await.unwrap();
    let settings = json!({"url_path": "/cap", "service": MARKET, "transport": "soap"});
    let channel = json!({"name": "cap", "settings": settings});
    let create = bench.call("busker.channel.http.create", channel);
    create.await.unwrap();
    let list = |input| bench.call("busker.service.list-channels", input);
    let all = list(json!({"name": MARKET})).await.unwrap();
    let expected =
        json!({"name": "cap", "kind": "http", "group": "soap", "active": true, "url_path": "/cap"});
    assert_eq!(all["channels"], json!([expected]));
    let none = list(json!({"name": MARKET, "kind": "amqp"})).await.unwrap();
    assert_eq!(none["channels"], json!([]));

    let input = json!({"name": MARKET});
    let listed = bench.call("busker.service.list-deployments", input).await;
    let listed = listed.unwrap();
    let found = &listed["deployments"][0];
    for (field, value) in [
        ("node", json!("node2")),
        ("package", json!(id)),
        ("generation", json!(1)),
        ("file", json!("stockmarket.py")),
        ("uploaded_by", json!("ann")),
        ("state", json!("failed")),
        ("message", json!("no module named numpy")),
    ] {
        assert_eq!(found[field], value, "{field}: {listed}");
    }
    let missing = bench
        .call(
            "busker.service.list-deployments",
            json!({"name": "no.such"}),
        )
        .await;
    assert_eq!(refusal(missing).0, ErrorClass::NotFound);
}

#[tokio::test]
async fn a_wsdl_is_kept_and_names_the_paths_it_is_served_at() {
    let bench = Bench::new().await;
    let settings = json!({"url_path": "/cap", "service": MARKET, "transport": "soap"});
    let channel = json!({"name": "cap", "settings": settings});
    let create = bench.call("busker.channel.http.create", channel);
    create.await.unwrap();
    let encoded = |text: &str| STANDARD.encode(text);
    let text = "<wsdl:definitions xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\"/>\n";
    let input = json!({"name": MARKET, "file": "cap.wsdl", "payload_base64": encoded(text)});
    let kept = bench.call("busker.service.set-wsdl", input).await.unwrap();
    assert_eq!(kept["paths"], json!(["/cap?wsdl"]));
    let named = json!({"name": MARKET});
    let got = bench.call("busker.service.get-wsdl", named.clone()).await;
    let got = got.unwrap();
    assert_eq!(
        (&got["payload_base64"], &got["uploaded_by"]),
        (&json!(encoded(text)), &json!("ann"))
    );
    for (name, file, payload, field) in [
        ("a b", "a.wsdl", encoded(text), "name"),
        (MARKET, "../a.wsdl", encoded(text), "file"),
        (MARKET, "a.wsdl", "%%%".to_owned(), "payload_base64"),
        (MARKET, "a.wsdl", encoded("<a/>"), "payload_base64"),
        (
            MARKET,
            "a.wsdl",
            encoded("<!DOCTYPE a><a/>"),
            "payload_base64",
        ),
        (MARKET, "a.wsdl", String::new(), "payload_base64"),
    ] {
        let input = json!({"name": name, "file": file, "payload_base64": payload});
        let refused = bench.call("busker.service.set-wsdl", input).await;
        let (class, message) = refusal(refused);
        assert_eq!(class, ErrorClass::Invalid, "{message}");
        assert!(message.starts_with(field), "{message}");
    }
    let delete = || bench.call("busker.service.delete-wsdl", named.clone());
    delete().await.unwrap();
    assert_eq!(refusal(delete().await).0, ErrorClass::NotFound);
    let has = bench.call("busker.service.has-wsdl", named.clone()).await;
    assert_eq!(has.unwrap()["has_wsdl"], false);
}
