//! Lists the places where a source can hold a value.

use std::io::Write;

/// A source that holds a value in one place, and what it lands in.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) name: &'static str,
    /// Properties of the dialect; without a delimiter it is a comma.
    pub(super) dialect: String,
    pub(super) fields: Vec<String>,
    /// Lines of the document besides dialect and fields.
    pub(super) more: String,
    /// Lines of the schema besides the fields.
    pub(super) schema: String,
    pub(super) rejects: &'static str,
    pub(super) text: Vec<u8>,
    pub(super) packing: Packing,
    /// The table that is joined.
    pub(super) reference: Option<String>,
    /// What is nowhere else.
    pub(super) secrets: Vec<String>,
    /// Folders of the lake that are named by a value.
    pub(super) folders: Vec<String>,
    pub(super) shard_bytes: u64,
    /// It is tried with every call failing.
    pub(super) with_faults: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    /// With a value in the name of the member.
    Zip,
}

impl Place {
    /// A text with a value, read as two fields.
    fn new(name: &'static str, text: impl Into<Vec<u8>>, secrets: &[&str]) -> Self {
        Self {
            name,
            dialect: String::new(),
            fields: vec![
                "{ name: id, type: integer }".to_owned(),
                "{ name: value, type: string }".to_owned(),
            ],
            more: String::new(),
            schema: String::new(),
            rejects: "100%",
            text: text.into(),
            packing: Packing::None,
            reference: None,
            secrets: secrets.iter().map(|secret| (*secret).to_owned()).collect(),
            folders: Vec::new(),
            shard_bytes: u64::MAX,
            with_faults: false,
        }
    }

    fn more(mut self, more: &str) -> Self {
        self.more += more;
        self.more.push('\n');
        self
    }

    fn dialect(mut self, dialect: &str) -> Self {
        dialect.clone_into(&mut self.dialect);
        self
    }

    fn value(mut self, field: &str) -> Self {
        self.fields[1] = format!("{{ name: value, {field} }}");
        self
    }

    fn folder(mut self, folder: &str) -> Self {
        self.folders.push(folder.to_owned());
        self
    }

    fn shards_of(self, shard_bytes: u64) -> Self {
        Self { shard_bytes, ..self }
    }

    fn with_faults(self) -> Self {
        Self { with_faults: true, ..self }
    }

    fn reference(self, table: &str) -> Self {
        let fields = "fields: [ { name: code, type: string }, { name: rate, type: integer } ]";
        let join = format!(
            "{{ object: shops.csv, on: [ {{ field: value, column: code }} ], columns: [ rate ], {fields}, unmatched: reject }}"
        );
        Self { reference: Some(table.to_owned()), ..self }
            .more(&format!("transform: {{ join: [ {join} ] }}"))
    }

    pub(super) fn contract(&self) -> String {
        let Self { dialect, fields, more, schema, rejects, .. } = self;
        let delimiter = if dialect.contains("delimiter") { "" } else { "delimiter: \",\", " };
        let limit = if *rejects == "100%" {
            String::new()
        } else {
            format!("rejects: {{ limit: {rejects} }}\n")
        };
        format!(
            "name: things\ndialect: {{ {delimiter}{dialect} }}\nschema:\n  fields: [ {} ]\n{schema}{more}{limit}",
            fields.join(", ")
        )
    }

    /// The bytes of the source.
    pub(super) fn source(&self) -> Vec<u8> {
        match self.packing {
            Packing::None => self.text.clone(),
            Packing::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
                encoder.write_all(&self.text).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zip => {
                let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
                let options = zip::write::SimpleFileOptions::default();
                archive.start_file("hushmemberquiet.csv", options).unwrap();
                archive.write_all(&self.text).unwrap();
                archive.finish().unwrap().into_inner()
            }
        }
    }
}

/// The same, of a contract that masks its second field.
pub(super) fn with_masks(place: Place) -> Place {
    place.more("transform: { mask: [ { field: value, with: redact } ] }")
}

/// A field of a type with a good value and with a bad one.
fn typed(name: &'static str, field: &str, good: &str, bad: &str) -> Place {
    Place::new(name, format!("id,value\n1,{good}\n2,{bad}\n"), &[good, bad]).value(field)
}

/// A place in a masked field.
fn masked(name: &'static str, with: &str) -> Place {
    typed(
        name,
        "type: string, constraints: { maxLength: 20 }",
        "hushmaskedquiet",
        "hushverylongandmaskedquiet",
    )
    .more(&format!("transform: {{ mask: [ {{ field: value, with: {with} }} ] }}"))
}

const PARTITIONED: &str =
    "id,value\n1,hushfirstquiet\n2,hushsecondquiet\n3,hushfirstquiet\nx,hushthirdquiet\n";

fn partitioned(name: &'static str, output: &str) -> Place {
    Place::new(name, PARTITIONED, &["hushfirstquiet", "hushsecondquiet", "hushthirdquiet"])
        .more(&format!("output: {{ partitionBy: [value], {output} }}"))
        .shards_of(24)
}

pub(super) fn places() -> Vec<Place> {
    [
        headers(),
        values(),
        partitions(),
        keys_and_joins(),
        malformed(),
        surroundings(),
        expressions(),
        packings(),
    ]
    .concat()
}

/// The header, or what is taken for one.
fn headers() -> Vec<Place> {
    vec![
        Place::new("header cell", "id,hushlabelquiet\n1,a\n", &["hushlabelquiet"]),
        Place::new(
            "header of more columns",
            "id,value,hushmorequiet,hushmostquiet\n1,a,b,c\n",
            &["hushmorequiet", "hushmostquiet"],
        ),
        Place::new(
            "header that is a record",
            "hushfirstquiet,hushnextquiet\nhushthenquiet,x\n",
            &["hushfirstquiet", "hushnextquiet"],
        ),
        Place::new(
            "header of two rows",
            "id,hushtopquiet\nno,hushbottomquiet\n1,a\n",
            &["hushtopquiet", "hushbottomquiet"],
        )
        .dialect("headerRows: [1, 2]"),
        Place::new(
            "header with invalid bytes",
            b"id,hushinvalid\xffquiet\n1,a\n".as_slice(),
            &["hushinvalid"],
        ),
        Place::new(
            "first record of a source without a header",
            "hushrecordquiet,a\n1,b\n",
            &["hushrecordquiet"],
        )
        .dialect("header: false"),
    ]
}

/// Values of every type and of masks.
fn values() -> Vec<Place> {
    vec![
        typed(
            "text",
            "type: string, constraints: { pattern: \"[a-z]+\" }",
            "hushgoodquiet",
            "hushBADquiet",
        ),
        typed("integer", "type: integer", "7700112233", "77001x1244"),
        typed("number", "type: number", "771122.5533", "771122.55x4"),
        typed(
            "decimal",
            "type: number, physicalType: \"decimal(12,2)\"",
            "77112233.44",
            "77112233.4455",
        ),
        typed("boolean", "type: boolean", "true", "hushtruequiet").secret("hushtruequiet"),
        typed("date", "type: date", "1871-03-19", "1871-13-97"),
        typed("datetime", "type: datetime", "1871-03-19T11:22:33Z", "1871-03-19T77:22:33Z"),
        typed("time", "type: time", "11:22:33.445566", "77:22:33.445566"),
        typed(
            "value of an enumeration",
            "type: string, constraints: { enum: [hushgoodquiet] }",
            "hushgoodquiet",
            "hushotherquiet",
        )
        .secret("hushotherquiet"),
        masked("value that is hashed", "sha256").with_faults(),
        masked("value that is redacted", "redact"),
        masked("value of which four characters stay", "last4"),
    ]
}

/// Values that name folders.
fn partitions() -> Vec<Place> {
    let many: String = (0..1_200).map(|n| format!("{n},hushmanyquiet{n}\n")).collect();
    let long = "hushlongquiet".repeat(24);
    vec![
        partitioned("partition", "mode: append").folder("value=hushfirstquiet").with_faults(),
        partitioned("partition that is overwritten", "mode: overwrite-partitions")
            .folder("value=hushsecondquiet"),
        partitioned("partition of a Delta table", "table: delta")
            .folder("value=hushfirstquiet")
            .with_faults(),
        partitioned("partition of a text file", "format: csv").folder("value=hushfirstquiet"),
        Place::new("many partitions", format!("id,value\n{many}"), &["hushmanyquiet"])
            .more("output: { partitionBy: [value] }"),
        Place::new("partition of a long name", format!("id,value\n1,{long}\n"), &["hushlongquiet"])
            .more("output: { partitionBy: [value] }")
            .folder(&format!("value={long}")),
    ]
}

/// Values that are compared with others.
fn keys_and_joins() -> Vec<Place> {
    vec![
        Place::new(
            "key",
            "id,value\n1,hushkeyquiet\n2,hushkeyquiet\n3,hushkeyquiet\n",
            &["hushkeyquiet"],
        )
        .schema("  primaryKey: [value]")
        .shards_of(20)
        .with_faults(),
        Place::new(
            "key that is masked",
            "id,value\n1,hushkeyquiet\n2,hushkeyquiet\n",
            &["hushkeyquiet"],
        )
        .schema("  primaryKey: [value]")
        .more("transform: { mask: [ { field: value, with: sha256 } ] }")
        .shards_of(20),
        Place::new(
            "key of a join",
            "id,value\n1,hushjoinedquiet\n2,hushnowherequiet\n",
            &["hushjoinedquiet", "hushnowherequiet"],
        )
        .reference("code,rate\nhushjoinedquiet,1\n")
        .with_faults(),
        Place::new("key that a joined table has twice", "id,value\n1,a\n", &["hushtwicequiet"])
            .reference("code,rate\nhushtwicequiet,1\nhushtwicequiet,2\n"),
        Place::new("cell of a joined table", "id,value\n1,a\n", &["hushcellquiet"])
            .reference("code,rate\na,hushcellquiet\n"),
        Place::new("labels of a joined table", "id,value\n1,a\n", &["hushtablequiet"])
            .reference("code,hushtablequiet\na,1\n"),
    ]
}

/// Records that are not written as they should be.
fn malformed() -> Vec<Place> {
    let huge = |quotes: &str, bytes: usize| {
        format!("id,value\n1,{quotes}hushhugequiet{}\n2,b\n", "x".repeat(bytes))
    };
    vec![
        Place::new(
            "field of several lines",
            "id,value\n1,\"hushone\nquiet\"\nx,\"hushtwo\nquiet\"\n",
            &["hushone", "hushtwo"],
        )
        .shards_of(12),
        Place::new("stray quote", "id,value\n1,hush\"strayquiet\n", &["strayquiet"]),
        Place::new("open quote", "id,value\n1,\"hushopenquiet\n2,b\n", &["hushopenquiet"]),
        Place::new(
            "invalid bytes",
            b"id,value\n1,hushbytesquiet\xff\xfe\n".as_slice(),
            &["hushbytesquiet"],
        ),
        Place::new(
            "record with a cell too many",
            "id,value\n1,a,hushextraquiet\n",
            &["hushextraquiet"],
        ),
        Place::new("record with a cell too few", "id,value\nhushfewquiet\n", &["hushfewquiet"]),
        Place::new("field that is too long", huge("", 9 << 20), &["hushhugequiet"]).alone(),
        Place::new("record that is too long", huge("\"", 17 << 20), &["hushhugequiet"]).alone(),
    ]
}

/// Anything that is not a record, and delimiters that make others.
fn surroundings() -> Vec<Place> {
    vec![
        Place::new("comment", "id,value\n#hushcommentquiet,1\n1,a\n", &["hushcommentquiet"])
            .dialect("commentChar: \"#\""),
        Place::new(
            "preamble",
            "hushpreamblequiet\n\"hushsecondquiet\nid,value\n1,a\n",
            &["hushpreamblequiet", "hushsecondquiet"],
        )
        .dialect("skipRows: 2"),
        Place::new("footer", "id,value\n1,a\nhushfooterquiet\n", &["hushfooterquiet"])
            .dialect("footerRows: 1"),
        Place::new(
            "delimiter that is another",
            "id,value\n1,hushdelimiterquiet\n",
            &["hushdelimiterquiet"],
        )
        .dialect("delimiter: \";\""),
        Place::new(
            "header under another delimiter",
            "id,hushwrongquiet\n1,a\n",
            &["hushwrongquiet"],
        )
        .dialect("delimiter: \";\""),
    ]
}

/// Values that an expression can't work with.
fn expressions() -> Vec<Place> {
    vec![
        Place::new(
            "value that fails in `derive`",
            "id,value\n1,hushderivequiet\n",
            &["hushderivequiet"],
        )
        .more("transform: { derive: [ { name: whole, sql: \"value::int\" } ] }"),
        Place::new(
            "value that fails in `where`",
            "id,value\n1,hushwherequiet\n",
            &["hushwherequiet"],
        )
        .more("transform: { where: \"value::date > DATE '2000-01-01'\" }"),
    ]
}

/// Packed sources.
fn packings() -> Vec<Place> {
    vec![
        Place {
            packing: Packing::Zip,
            ..Place::new("member of an archive", "id,value\n1,a\n", &["hushmemberquiet"])
        },
        Place {
            packing: Packing::Gzip,
            ..Place::new("packed value", "id,value\n1,hushpackedquiet\nx,b\n", &["hushpackedquiet"])
        },
    ]
}

impl Place {
    /// Only this may not be told: the rest is in the contract, or is no value of its own.
    fn secret(self, secret: &str) -> Self {
        Self { secrets: vec![secret.to_owned()], ..self }
    }

    fn schema(self, schema: &str) -> Self {
        Self { schema: format!("{schema}\n"), ..self }
    }

    /// It takes long, and fails by itself.
    fn alone(self) -> Self {
        Self { shard_bytes: u64::MAX - 1, ..self }
    }

    pub(super) fn is_alone(&self) -> bool {
        self.shard_bytes == u64::MAX - 1
    }
}
