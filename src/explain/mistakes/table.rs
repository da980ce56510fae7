//! The table of the usual mistakes, one row each, in the order in which they are tried.

use super::{Mistake, body, form, head, json, scheme, secret, text, url};

pub(in crate::explain) static TABLE: &[Mistake] = &[
    Mistake {
        name: "body-compressed",
        says: "the body was compressed after it was signed",
        sender: Some("sign the bytes that are sent, after compression, or do not compress"),
        operator: Some("make sure that nothing in front of the gate compresses bodies"),
        variants: body::decompressed,
    },
    Mistake {
        name: "body-captured-by-curl",
        says: "curl left line ends out of what was signed",
        sender: Some("use `--data-binary @file`: `--data @file` does not send the file as it is"),
        operator: None,
        variants: body::other_captures,
    },
    Mistake {
        name: "form-decoded",
        says: "the form was signed in another form than it was sent in",
        sender: Some("sign the encoded form, exactly the bytes of the body, and not what is in it"),
        operator: None,
        variants: form::variants,
    },
    Mistake {
        name: "json-numbers",
        says: "numbers were read and written again between signing and sending",
        sender: Some(
            "sign and send the same bytes: a JSON library writes 1.0, 1e3 and long numbers in its own way",
        ),
        operator: Some("make sure that nothing in front of the gate parses and rewrites the body"),
        variants: text::numbers,
    },
    Mistake {
        name: "json-reserialized",
        says: "the JSON was written anew between signing and sending",
        sender: Some(
            "serialise once, sign these bytes and send the same bytes; do not hand an object to the HTTP \
             client",
        ),
        operator: Some("make sure that nothing in front of the gate parses and rewrites the body"),
        variants: json::rewritten,
    },
    Mistake {
        name: "body-truncated",
        says: "the end of the body is missing",
        sender: Some("send the whole body, and a Content-Length that fits"),
        operator: Some(
            "look for a limit of body sizes in front of the gate, or at a cut-off capture",
        ),
        variants: json::closed,
    },
    Mistake {
        name: "body-line-ends",
        says: "line ends were changed after the body was signed",
        sender: Some("open the body as bytes, not as text, when signing and when sending"),
        operator: Some(
            "if the capture was saved by hand: an editor may have changed its line ends",
        ),
        variants: body::line_ends,
    },
    Mistake {
        name: "body-final-newline",
        says: "a line end at the end of the body was signed and not sent, or sent and not signed",
        sender: Some(
            "sign exactly the bytes that are sent; `echo` adds a line end, `printf %s` does not",
        ),
        operator: Some("if the capture was saved by hand: an editor may have added it"),
        variants: body::final_newline,
    },
    Mistake {
        name: "body-charset",
        says: "the body was sent in another character encoding than it was signed in",
        sender: Some("encode the body once, as UTF-8, and sign and send these bytes"),
        operator: None,
        variants: body::charset,
    },
    Mistake {
        name: "body-normalised",
        says: "the characters of the body were composed in another way (Unicode normalisation)",
        sender: Some(
            "normalise before signing, or not at all, and send the bytes that were signed",
        ),
        operator: Some("make sure that nothing in front of the gate normalises text"),
        variants: text::normalised,
    },
    Mistake {
        name: "body-byte-order-mark",
        says: "a byte order mark at the start of the body was signed and not sent, or sent and not signed",
        sender: Some("write the body without a byte order mark"),
        operator: Some("if the capture was saved by hand: an editor may have added it"),
        variants: body::byte_order_mark,
    },
    Mistake {
        name: "body-not-signed",
        says: "something else was signed than the body",
        sender: Some(
            "sign the raw body: a framework may have consumed it already, or turned an object into text",
        ),
        operator: None,
        variants: body::something_else,
    },
    Mistake {
        name: "url",
        says: "another URL was signed than the one that it is judged by",
        sender: Some("register the URL exactly as `portcullis endpoint show` prints it"),
        operator: Some(
            "set the URL that the sender was told: `endpoint update … --public-url`, or `public.url`",
        ),
        variants: url::variants,
    },
    Mistake {
        name: "header-quotes",
        says: "the header's value has quotes around it",
        sender: Some("send the value without quotes"),
        operator: None,
        variants: head::quotes,
    },
    Mistake {
        name: "header-whitespace",
        says: "the header's value has white space in it: it was folded, or copied over several lines",
        sender: Some(
            "send the value on one line and without spaces; some base64 encoders break lines",
        ),
        operator: None,
        variants: head::whitespace,
    },
    Mistake {
        name: "header-escaped",
        says: "the header's value is percent-encoded",
        sender: Some("headers are not URLs: send the value as it is"),
        operator: None,
        variants: head::percent_encoded,
    },
    Mistake {
        name: "signature-padding",
        says: "the base64 of the signature lacks its padding",
        sender: Some("send base64 with its `=` at the end (RFC 4648 §4)"),
        operator: None,
        variants: head::padding,
    },
    Mistake {
        name: "signature-encoded-twice",
        says: "the signature was encoded twice",
        sender: Some("encode the bytes of the signature, not their hex text"),
        operator: None,
        variants: head::encoded_twice,
    },
    Mistake {
        name: "signature-prefix-case",
        says: "the word before the signature has another case",
        sender: Some("write the word before the signature exactly as it is documented"),
        operator: None,
        variants: head::prefix_case,
    },
    Mistake {
        name: "key-encoding",
        says: "the text of the secret was made into a key in another way",
        sender: Some("decode the secret, or do not, exactly as the scheme says"),
        operator: Some("`portcullis presets show` says which form the scheme expects"),
        variants: secret::key_encoding,
    },
    Mistake {
        name: "other-preset",
        says: "the delivery is signed as another preset describes",
        sender: None,
        operator: Some(
            "give the endpoint this preset: `endpoint update … --mode provider --preset …`",
        ),
        variants: scheme::other_presets,
    },
    Mistake {
        name: "other-header",
        says: "the proof is in another header",
        sender: Some("send the proof in the header that the endpoint looks at"),
        operator: Some("or choose the preset of this sender, or the header with the mode api-key"),
        variants: scheme::other_headers,
    },
    Mistake {
        name: "signature-prefix",
        says: "the proof has another word before it than expected, or none",
        sender: Some("write the value in the documented form, with the word before it"),
        operator: None,
        variants: scheme::other_prefix,
    },
    Mistake {
        name: "signature-algorithm",
        says: "another algorithm was used",
        sender: Some("use the algorithm of the endpoint's scheme"),
        operator: Some("or choose the preset that has the sender's algorithm"),
        variants: scheme::other_algorithm,
    },
    Mistake {
        name: "signature-encoding",
        says: "the signature is written down in another encoding",
        sender: Some("encode the signature as the scheme says"),
        operator: None,
        variants: scheme::other_encoding,
    },
    Mistake {
        name: "signed-message",
        says: "the signature covers something else than the scheme says",
        sender: Some("put the parts together exactly as documented: time, separators, body"),
        operator: None,
        variants: scheme::other_message,
    },
    Mistake {
        name: "timestamp-unit",
        says: "the time is written down in another unit",
        sender: Some("send the time in the documented unit"),
        operator: None,
        variants: scheme::other_unit,
    },
    Mistake {
        name: "secret-ended",
        says: "it is signed with a secret that was replaced",
        sender: Some("use the current secret"),
        operator: Some(
            "give the sender the current secret; rotate with `--overlap` to keep the old one valid for a \
             while",
        ),
        variants: secret::ended,
    },
    Mistake {
        name: "secret-newline",
        says: "a line end belongs to the secret on one side only",
        sender: Some("cut the line end off the secret: files and `echo` add it"),
        operator: Some("or set the secret again, without it"),
        variants: secret::newline,
    },
    Mistake {
        name: "secret-quotes",
        says: "quotes belong to the secret on one side only",
        sender: Some("take the quotes off the secret: environment files are not always unquoted"),
        operator: Some("or set the secret again, without them"),
        variants: secret::quotes,
    },
    Mistake {
        name: "secret-whitespace",
        says: "white space belongs to the secret on one side only",
        sender: Some("cut the white space off the secret"),
        operator: Some("or set the secret again, without it"),
        variants: secret::whitespace,
    },
    Mistake {
        name: "secret-prefix",
        says: "the prefix of the secret belongs to it on one side only",
        sender: Some("use the secret with its prefix, or without it, as the provider documents"),
        operator: Some("set the secret as the provider shows it"),
        variants: secret::prefix,
    },
    Mistake {
        name: "secret-escaped",
        says: "the secret is percent-encoded on one side only",
        sender: Some("use the secret itself, not its form in a URL"),
        operator: Some("set the secret itself, not its form in a URL"),
        variants: secret::percent_encoded,
    },
];
