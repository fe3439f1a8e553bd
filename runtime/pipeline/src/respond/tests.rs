use busker_model::object::Violation;

use super::*;

fn cid() -> Cid {
    Cid::from_u128(7)
}

fn body(encoded: &Encoded) -> String {
    String::from_utf8(encoded.body.to_vec()).unwrap()
}

fn header<'a>(encoded: &'a Encoded, name: &str) -> Option<&'a str> {
    let found = encoded.headers.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn every_class_has_its_status() {
    use ErrorClass::*;
    let rows = [
        (Invalid, 400),
        (Unauthenticated, 401),
        (Forbidden, 403),
        (NotFound, 404),
        (Conflict, 409),
        (TooLarge, 413),
        (Busy, 503),
        (Timeout, 504),
        (Unavailable, 503),
        (Internal, 500),
    ];
    assert_eq!(rows.map(|(class, _)| class), ErrorClass::ALL);
    for (class, status) in rows {
        assert_eq!(status_of(&Fault::new(class, "x")), status, "{class}");
    }
    assert_eq!(status_of(&Fault::remote(Unavailable, "x")), 502);
    assert_eq!(status_of(&Fault::busy("x", 1).code("rate-limited")), 429);
    assert_eq!(
        status_of(&Fault::invalid("x").code("method-not-allowed")),
        405
    );
    assert_eq!(status_of(&Fault::timeout("x").code("slow-body")), 408);
}

#[test]
fn a_problem_lists_violations_and_never_what_is_for_the_operator() {
    let mut fault = Fault::violations(vec![
        Violation::new("symbol", "required input field is missing"),
        Violation::new("id", "expected an integer, got \"x\""),
    ])
    .operator("/secret/path");
    fault.detail_mut().exception = Some(Exception {
        kind: "ValueError".into(),
        message: "inside".into(),
        frames: Vec::new(),
        cause: None,
        service: None,
    });
    let quiet = respond(&fault, cid(), ErrorStyle::Problem, false);
    assert_eq!(quiet.status, 400);
    assert_eq!(quiet.content_type, "application/problem+json");
    let json: Value = serde_json::from_slice(&quiet.body).unwrap();
    assert_eq!(json["violations"][1]["field"], "id");
    assert_eq!(json["cid"], cid().to_string());
    for style in [
        ErrorStyle::Problem,
        ErrorStyle::ProblemXml,
        ErrorStyle::Zato,
        ErrorStyle::Soap(SoapVersion::V11),
        ErrorStyle::Soap(SoapVersion::V12),
    ] {
        let text = body(&respond(&fault, cid(), style, false));
        assert!(
            !text.contains("secret") && !text.contains("ValueError"),
            "{text}"
        );
        assert!(text.contains(&cid().to_string()), "{text}");
        let text = body(&respond(&fault, cid(), style, true));
        assert!(text.contains("ValueError: inside"), "{text}");
    }
}

#[test]
fn zato_gets_its_own_envelope() {
    let answer = respond(&Fault::invalid("bad \"x\""), cid(), ErrorStyle::Zato, false);
    assert_eq!(
        body(&answer),
        format!(
            r#"{{"zato_env":{{"result":"ZATO_ERROR","cid":"{}","details":"bad \"x\""}}}}"#,
            cid()
        )
    );
}

#[test]
fn soap_faults_speak_the_version_that_was_asked() {
    let fault = Fault::invalid("a < b \u{1}");
    let v11 = respond(&fault, cid(), ErrorStyle::Soap(SoapVersion::V11), false);
    assert_eq!(
        (v11.status, v11.content_type.as_str()),
        (500, "text/xml; charset=utf-8")
    );
    assert_eq!(
        body(&v11),
        format!(
            "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault>\
             <faultcode>soap:Client</faultcode><faultstring>a &lt; b \u{fffd}</faultstring>\
             <detail><fault xmlns=\"urn:busker:fault:1\"><cid>{}</cid><class>invalid</class></fault></detail></soap:Fault></soap:Body></soap:Envelope>",
            cid()
        )
    );
    let wrong = Fault::violations(vec![Violation::new("a<b", "is not a field")]);
    let listed = respond(&wrong, cid(), ErrorStyle::Soap(SoapVersion::V12), false);
    let violation = "<violations><violation><field>a&lt;b</field><message>is not a field</message></violation></violations>";
    assert!(body(&listed).contains(violation), "{}", body(&listed));
    let rows = [
        (Fault::invalid("x"), 400, "soap:Sender"),
        (Fault::internal("x"), 500, "soap:Receiver"),
        (Fault::timeout("x"), 500, "soap:Receiver"),
        (Fault::busy("x", 3), 503, "soap:Receiver"),
        (
            Fault::invalid("x").code("must-understand"),
            500,
            "soap:MustUnderstand",
        ),
        (
            Fault::new(ErrorClass::Unauthenticated, "x"),
            401,
            "soap:Sender",
        ),
    ];
    for (fault, status, code) in rows {
        let answer = respond(&fault, cid(), ErrorStyle::Soap(SoapVersion::V12), false);
        assert_eq!(answer.status, status, "{code}");
        let text = body(&answer);
        assert!(
            text.contains(&format!("<soap:Value>{code}</soap:Value>")),
            "{text}"
        );
    }
}

#[test]
fn headers_tell_what_to_do_next() {
    let busy = respond(&Fault::busy("x", 7), cid(), ErrorStyle::Problem, false);
    assert_eq!(header(&busy, "Retry-After"), Some("7"));
    let mut fault = Fault::new(ErrorClass::Unauthenticated, "x");
    fault.detail_mut().realm = Some("a \"b\"\r\nX: y".into());
    let refused = respond(&fault, cid(), ErrorStyle::Problem, false);
    assert_eq!(
        header(&refused, "WWW-Authenticate"),
        Some(r#"Basic realm="a \"b\"X: y""#)
    );
    fault.detail_mut().challenge = Some("zato-wss\r\n".into());
    let refused = respond(&fault, cid(), ErrorStyle::Problem, false);
    assert_eq!(header(&refused, "WWW-Authenticate"), Some("zato-wss"));
    let limited = Fault::busy("x", 3).code("rate-limited");
    let limited = respond(&limited, cid(), ErrorStyle::Problem, false);
    assert_eq!(
        (limited.status, header(&limited, "Retry-After")),
        (429, Some("3"))
    );
}

#[test]
fn an_xml_problem_survives_any_message() {
    let answer = respond(
        &Fault::invalid("x\u{1}"),
        cid(),
        ErrorStyle::ProblemXml,
        false,
    );
    assert_eq!(answer.content_type, "application/problem+xml");
    let text = body(&answer);
    roxmltree::Document::parse(&text).unwrap();
    let fine = body(&respond(
        &Fault::invalid("a & b"),
        cid(),
        ErrorStyle::ProblemXml,
        false,
    ));
    assert!(fine.contains("<detail>a &amp; b</detail>"), "{fine}");
    assert!(
        fine.starts_with("<problem xmlns=\"urn:ietf:rfc:7807\">"),
        "{fine}"
    );
}

#[test]
fn zato_has_its_own_shape_of_an_error_in_each_format() {
    let fault = Fault::invalid("Required parameter [id] missing <&>");
    let zato = |fault: &Fault, style| {
        let encoded = respond(fault, cid(), style, false);
        (encoded.status, body(&encoded))
    };
    let (status, text) = zato(&fault, ErrorStyle::ZatoText);
    assert_eq!((status, text.as_str()), (400, &*fault.message));
    let (status, soap) = zato(&fault, ErrorStyle::ZatoSoap);
    assert_eq!(
        (status, soap),
        (
            500,
            format!(
                "<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"><SOAP-ENV:Body>\
                 <SOAP-ENV:Fault><faultcode>SOAP-ENV:Client</faultcode><faultstring>cid [{}], faultstring [Required \
                 parameter [id] missing &lt;&amp;&gt;]</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>",
                cid()
            )
        )
    );
    let ours = zato(&Fault::internal("x"), ErrorStyle::ZatoSoap).1;
    assert!(ours.contains("SOAP-ENV:Server"), "{ours}");
}
