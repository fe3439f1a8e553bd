//! An example for each command. A test holds that each has one, and that each is understood.

/// Commands that a family shares with others and has no use for: they are understood, and not shown.
pub(super) const NO_MEANING: &[&str] = &[
    "channel change-password",
    "job change-password",
    "job ping",
    "security ping",
];

/// Path of a command, and what may be typed after `busker`.
pub(super) const EXAMPLES: &[(&str, &str)] = &[
    ("quickstart create", "quickstart create esb"),
    (
        "quickstart create",
        "quickstart create esb --nodes 3 --odb postgresql://busker@db/busker --redis redis://redis:6379/0",
    ),
    (
        "create odb",
        "create odb --odb postgresql://busker@db/busker",
    ),
    (
        "create join-token",
        "create join-token esb --node node4 --token-file node4.token",
    ),
    (
        "create node",
        "create node esb --token-file node4.token --host 10.0.0.4",
    ),
    ("start", "start esb"),
    ("stop", "stop esb"),
    ("restart", "restart esb/node1"),
    ("info", "info esb --format json"),
    ("check-config", "check-config esb"),
    (
        "service invoke",
        "service invoke esb samples.echo --payload '{\"text\": \"hello\"}'",
    ),
    ("service deploy", "service deploy esb stockmarket.py"),
    ("service list", "service list esb"),
    ("service get", "service get esb samples.echo"),
    (
        "service source",
        "service source esb stockmarket.get-market-cap",
    ),
    (
        "service edit",
        "service edit esb samples.echo --timeout-ms 500 --slow-threshold-ms 100",
    ),
    (
        "service delete",
        "service delete esb stockmarket.get-market-cap",
    ),
    ("service rollback", "service rollback esb stockmarket.py"),
    (
        "service set-wsdl",
        "service set-wsdl esb stockmarket.get-market-cap market.wsdl",
    ),
    (
        "service get-wsdl",
        "service get-wsdl esb stockmarket.get-market-cap > market.wsdl",
    ),
    (
        "service delete-wsdl",
        "service delete-wsdl esb stockmarket.get-market-cap",
    ),
    (
        "channel create",
        "channel esb create --name echo --set url_path=/echo --set service=samples.echo --set security=partners",
    ),
    (
        "channel edit",
        "channel esb edit --name echo --set timeout_ms=500",
    ),
    ("channel delete", "channel esb delete --name echo"),
    ("channel get", "channel esb get --name echo --format table"),
    ("channel list", "channel esb list"),
    ("channel ping", "channel esb ping --name echo"),
    (
        "outgoing create",
        "outgoing esb create --name crm --set address=https://crm.example.com --set url_path=/customers",
    ),
    (
        "outgoing edit",
        "outgoing esb edit --name crm --set timeout_ms=2000",
    ),
    ("outgoing delete", "outgoing esb delete --name crm"),
    (
        "outgoing change-password",
        "outgoing esb change-password --name crm --password-file crm.password",
    ),
    ("outgoing get", "outgoing esb get --name crm"),
    ("outgoing list", "outgoing esb list --format yaml"),
    ("outgoing ping", "outgoing esb ping --name crm"),
    (
        "security create",
        "security esb create --name partners --set username=ada",
    ),
    (
        "security create",
        "security esb create --name partners --set username=ada --password-file ada.password",
    ),
    (
        "security edit",
        "security esb edit --name partners --set realm=Partners",
    ),
    (
        "security delete",
        "security esb delete --name partners --cascade",
    ),
    (
        "security change-password",
        "security esb change-password --name partners",
    ),
    ("security get", "security esb get --name partners"),
    ("security list", "security esb list"),
    (
        "job create",
        "job esb create --kind cron --name nightly --set service=reports.make --set 'cron=30 2 * * *'",
    ),
    (
        "job edit",
        "job esb edit --name nightly --set 'cron=0 3 * * *'",
    ),
    ("job delete", "job esb delete --name nightly"),
    ("job get", "job esb get --name nightly"),
    ("job list", "job esb list"),
    ("job execute", "job esb execute --name nightly"),
    ("job pause", "job esb pause --name nightly"),
    ("job resume", "job esb resume --name nightly"),
    ("job history", "job esb history --name nightly"),
    ("job next-fires", "job esb next-fires --name nightly"),
    ("enmasse export", "enmasse export esb --output esb.yaml"),
    (
        "enmasse export",
        "enmasse export esb --kind channel.http --filter crm",
    ),
    (
        "enmasse import",
        "enmasse import esb --input esb.yaml --plan",
    ),
    ("enmasse diff", "enmasse diff esb --input esb.yaml"),
    ("revision list", "revision list esb"),
    ("revision get", "revision get esb 42"),
    ("revision diff", "revision diff esb 40 42"),
    ("revision revert", "revision revert esb 40 --plan"),
    (
        "dictionary create",
        "dictionary esb create --system crm --key currency --value USD",
    ),
    (
        "dictionary edit",
        "dictionary esb edit --number 7 --system crm --key currency --value EUR",
    ),
    ("dictionary delete", "dictionary esb delete --number 7"),
    ("dictionary list", "dictionary esb list --system crm"),
    (
        "dictionary link",
        "dictionary esb link --system1 crm --key1 currency --value1 USD --system2 erp --key2 money --value2 840",
    ),
    ("dictionary unlink", "dictionary esb unlink --number 9"),
    ("dictionary links", "dictionary esb links"),
    (
        "dictionary translate",
        "dictionary esb translate --system1 crm --key1 currency --value1 USD --system2 erp --key2 money",
    ),
    (
        "dictionary export",
        "dictionary esb export --output dictionaries.json.bz2",
    ),
    (
        "dictionary import",
        "dictionary esb import --input dictionaries.json.bz2",
    ),
    (
        "message status",
        "message esb status K000000000000000000000000000000000000007",
    ),
    ("message ledger", "message esb ledger"),
    ("message list", "message esb list --service reports.make"),
    (
        "message get",
        "message esb get K000000000000000000000000000000000000007",
    ),
    (
        "message edit",
        "message esb edit K000000000000000000000000000000000000007 --payload '{\"symbol\": \"GOOG\"}'",
    ),
    (
        "message replay",
        "message esb replay K000000000000000000000000000000000000007",
    ),
    (
        "message discard",
        "message esb discard K000000000000000000000000000000000000007",
    ),
    ("user create", "user esb create --name ann --role operator"),
    ("user list", "user esb list"),
    ("user delete", "user esb delete --name ann"),
    (
        "user change-password",
        "user esb change-password --name ann --password-file ann.password",
    ),
    (
        "user set-role",
        "user esb set-role --name ann --role developer",
    ),
    (
        "token create",
        "token esb create --name 'build server' --role developer --valid-days 90 --token-file build.token",
    ),
    ("token list", "token esb list"),
    ("token revoke", "token esb revoke --name 'build server'"),
    ("node list", "node esb list"),
    ("node ping", "node esb ping --name node2"),
    ("node drain", "node esb drain --name node1"),
    ("node resume", "node esb resume --name node1"),
    ("node delete", "node esb delete --name node3"),
    ("cluster get", "cluster esb get"),
    (
        "cluster edit",
        "cluster esb edit --name production --colour '#a02020' --guarded true",
    ),
    ("cluster role-history", "cluster esb role-history --limit 5"),
    (
        "ca create authority",
        "ca create authority pki --organization Example --country PL",
    ),
    (
        "ca create server",
        "ca create server esb --host esb.example.com --host 10.0.0.4 --out web-certs",
    ),
    (
        "ca create node",
        "ca create node esb --name node4 --out node4-certs",
    ),
    (
        "ca renew",
        "ca renew esb --certificate esb/node1/certs/node.pem",
    ),
    ("ca show", "ca show esb"),
    ("crypto status", "crypto esb status"),
    ("crypto rotate", "crypto esb rotate"),
    (
        "crypto update",
        "crypto esb/node1 update --listener admin --certificate server.pem --key server.key",
    ),
    (
        "encrypt",
        "encrypt esb --secret-file odb.password > esb/node1/odb.password",
    ),
    (
        "decrypt",
        "decrypt esb --secret-file esb/node1/odb.password",
    ),
    ("logs", "logs esb --follow --level warning"),
    (
        "logs",
        "logs esb --cid K000000000000000000000000000000000000007",
    ),
    ("doctor", "doctor esb --security"),
    ("tree", "tree esb --prefix node1/channels"),
    ("events", "events esb --follow"),
    ("api call", "api call esb busker.cluster.get-roster"),
    ("exit-codes", "exit-codes"),
    (
        "completions",
        "completions bash > /etc/bash_completion.d/busker",
    ),
    ("man", "man --dir /usr/local/share/man/man1"),
    ("from-config", "from-config esb.json"),
];
