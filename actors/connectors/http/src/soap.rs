//! SOAP on the way out: the envelope, the content type and the action.

use busker_connector::Failure;
use bytes::Bytes;
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::outgoing_settings::SoapVersion;

impl SoapVersion {
    const fn namespace(self) -> &'static str {
        match self {
            Self::V11 => "http://schemas.xmlsoap.org/soap/envelope/",
            Self::V12 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }
}

/// Content type of a request; SOAP 1.2 names the action in it.
pub(crate) fn content_type(version: SoapVersion, action: &str) -> String {
    match version {
        SoapVersion::V11 => "text/xml; charset=utf-8".to_owned(),
        SoapVersion::V12 if action.is_empty() => "application/soap+xml; charset=utf-8".to_owned(),
        SoapVersion::V12 => format!("application/soap+xml; charset=utf-8; action=\"{action}\""),
    }
}

/// The body as it is when it is an envelope, else inside one.
pub(crate) fn envelope(version: SoapVersion, body: &Bytes) -> Result<Bytes, Failure> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Failure::invalid("a SOAP body must be XML in UTF-8"))?;
    let content = match root(text)? {
        Root::Envelope => return Ok(body.clone()),
        Root::Other { starts } => text.get(starts..).unwrap_or_default(),
        Root::None => "",
    };
    let namespace = version.namespace();
    let whole = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <soap:Envelope xmlns:soap=\"{namespace}\"><soap:Body>{content}</soap:Body></soap:Envelope>"
    );
    Ok(whole.into())
}

/// An envelope with one more block in its header, which is made when there is none.
pub(crate) fn with_header(
    version: SoapVersion,
    envelope: &Bytes,
    block: &str,
) -> Result<Bytes, Failure> {
    let text = std::str::from_utf8(envelope)
        .map_err(|_| Failure::invalid("a SOAP envelope must be XML in UTF-8"))?;
    let place = header_place(text)?;
    let (before, after) = match &place {
        Place::In(at) | Place::Before(at) => text.split_at_checked(*at),
        Place::Empty(span) => {
            let parts = (text.get(..span.start), text.get(span.end..));
            parts.0.zip(parts.1)
        }
    }
    .unwrap_or((text, ""));
    let whole = match place {
        Place::In(_) => format!("{before}{block}{after}"),
        Place::Empty(_) | Place::Before(_) => {
            let namespace = version.namespace();
            format!(
                "{before}<busker:Header xmlns:busker=\"{namespace}\">{block}</busker:Header>{after}"
            )
        }
    };
    Ok(whole.into())
}

/// Where a block of the header goes.
enum Place {
    /// Into the header, behind its start.
    In(usize),
    /// Into a header in place of an empty one.
    Empty(std::ops::Range<usize>),
    /// Into a header before the first element.
    Before(usize),
}

/// Looks no further than the start of the first element in the envelope.
fn header_place(text: &str) -> Result<Place, Failure> {
    let mut reader = Reader::from_str(text);
    let mut in_envelope = false;
    loop {
        let position = |reader: &Reader<&[u8]>| {
            usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
        };
        let starts = position(&reader);
        let event = reader
            .read_event()
            .map_err(|error| Failure::invalid(format!("a SOAP envelope must be XML: {error}")))?;
        match event {
            Event::Start(tag) if in_envelope && tag.local_name().as_ref() == "Header" => {
                return Ok(Place::In(position(&reader)));
            }
            Event::Empty(tag) if in_envelope && tag.local_name().as_ref() == "Header" => {
                return Ok(Place::Empty(starts..position(&reader)));
            }
            Event::Start(_) | Event::Empty(_) if in_envelope => return Ok(Place::Before(starts)),
            Event::Start(_) => in_envelope = true,
            Event::Decl(_) | Event::Comment(_) | Event::Text(_) | Event::PI(_) => {}
            Event::Empty(_)
            | Event::End(_)
            | Event::CData(_)
            | Event::GeneralRef(_)
            | Event::DocType(_)
            | Event::Eof => {
                return Err(Failure::invalid("a SOAP envelope must have a body"));
            }
        }
    }
}

enum Root {
    Envelope,
    Other { starts: usize },
    None,
}

/// Looks no further than the first element: what follows is the peer's to judge.
fn root(text: &str) -> Result<Root, Failure> {
    let mut reader = Reader::from_str(text);
    loop {
        let starts = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event();
        match event
            .map_err(|error| Failure::invalid(format!("a SOAP body must be XML: {error}")))?
        {
            Event::Start(tag) | Event::Empty(tag) => {
                let is_envelope = tag.local_name().as_ref() == "Envelope";
                return Ok(if is_envelope {
                    Root::Envelope
                } else {
                    Root::Other { starts }
                });
            }
            Event::Eof => return Ok(Root::None),
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Text(text) if text.trim_ascii().is_empty() => {}
            Event::DocType(_) => {
                return Err(Failure::invalid("a SOAP body may not hold a DOCTYPE"));
            }
            Event::Text(_)
            | Event::CData(_)
            | Event::GeneralRef(_)
            | Event::End(_)
            | Event::PI(_) => {
                return Err(Failure::invalid("a SOAP body must be one XML element"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(body: &str) -> Result<String, Failure> {
        let bytes = envelope(SoapVersion::V12, &Bytes::copy_from_slice(body.as_bytes()))?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn an_envelope_is_sent_as_it_is() {
        let body =
            "<?xml version='1.0'?>\n<!-- x -->\n<e:Envelope xmlns:e='n'><e:Body/></e:Envelope>";
        assert_eq!(wrapped(body).unwrap(), body);
    }

    #[test]
    fn anything_else_is_wrapped_without_its_declaration() {
        let whole = wrapped("<?xml version='1.0'?>\n<get xmlns='urn:x'><id>1</id></get>").unwrap();
        assert!(
            whole.contains("<soap:Body><get xmlns='urn:x'><id>1</id></get></soap:Body>"),
            "{whole}"
        );
        assert!(whole.contains("http://www.w3.org/2003/05/soap-envelope"));
        assert_eq!(whole.matches("<?xml").count(), 1);
        assert!(wrapped("").unwrap().contains("<soap:Body></soap:Body>"));
    }

    #[test]
    fn what_is_no_element_is_refused() {
        for body in ["plain text", "<!DOCTYPE a><a/>", "{\"a\":1}", "<"] {
            assert!(wrapped(body).is_err(), "{body}");
        }
        assert!(envelope(SoapVersion::V11, &Bytes::from_static(b"<a>\xff</a>")).is_err());
    }

    #[test]
    fn a_block_goes_into_the_header_that_is_there_or_into_a_new_one() {
        let with = |envelope: &str| {
            let envelope = Bytes::copy_from_slice(envelope.as_bytes());
            let whole = with_header(SoapVersion::V11, &envelope, "<b/>").unwrap();
            String::from_utf8(whole.to_vec()).unwrap()
        };
        let made = "<busker:Header xmlns:busker=\"http://schemas.xmlsoap.org/soap/envelope/\"><b/></busker:Header>";
        for (envelope, expected) in [
            (
                "<?xml version='1.0'?><e:Envelope xmlns:e='n'> <e:Header a='1'><x/></e:Header><e:Body/></e:Envelope>",
                "<?xml version='1.0'?><e:Envelope xmlns:e='n'> <e:Header a='1'><b/><x/></e:Header><e:Body/></e:Envelope>".to_owned(),
            ),
            (
                "<Envelope><Header/><Body/></Envelope>",
                format!("<Envelope>{made}<Body/></Envelope>"),
            ),
            (
                "<Envelope><!-- ü --><Body><Header/></Body></Envelope>",
                format!("<Envelope><!-- ü -->{made}<Body><Header/></Body></Envelope>"),
            ),
        ] {
            assert_eq!(with(envelope), expected);
            is_balanced(&with(envelope));
        }
        for broken in ["<Envelope/>", "<Envelope>", "text", "<"] {
            let broken = Bytes::copy_from_slice(broken.as_bytes());
            assert!(with_header(SoapVersion::V11, &broken, "<b/>").is_err());
        }
    }

    /// Every element that starts ends.
    fn is_balanced(text: &str) {
        let mut reader = Reader::from_str(text);
        while !matches!(reader.read_event().unwrap(), Event::Eof) {}
    }

    #[test]
    fn the_action_of_soap_12_is_in_its_content_type() {
        assert_eq!(
            content_type(SoapVersion::V11, "urn:a"),
            "text/xml; charset=utf-8"
        );
        assert!(content_type(SoapVersion::V12, "urn:a").ends_with("; action=\"urn:a\""));
    }
}
