//! Lists the ways in which a job can fail.

use job::message::Submission;

use super::super::bench::Bench;
use super::places::{Packing, Place};
use super::submit;
use super::told::{Between, Told};

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// As the place has it; it may land.
    AsItIs,
    /// No record may be refused.
    Strict,
    /// The contract has a field that the source lacks.
    Lacks,
    /// The source has no header, though the contract says so.
    Headless,
    /// The contract's fields have other names.
    Renamed,
    /// The contract's fields are all of a type that no value is of.
    OtherTypes,
    /// The job may cost next to nothing.
    Capped,
    /// The contract says another encoding.
    OtherEncoding,
    /// The contract says that it is packed.
    OtherPacking,
    /// The source ends in the middle.
    CutOff,
    /// It is packed, and a byte is another.
    Damaged,
    /// It is replaced after it was planned.
    Replaced,
    /// It is cancelled after it was planned.
    Cancelled,
    /// The same bytes have landed.
    Twice,
}

pub(super) fn ways() -> Vec<Way> {
    use Way::*;
    vec![
        AsItIs,
        Strict,
        Lacks,
        Headless,
        Renamed,
        OtherTypes,
        Capped,
        OtherEncoding,
        OtherPacking,
        CutOff,
        Damaged,
        Replaced,
        Cancelled,
        Twice,
    ]
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AsItIs => "as it is",
            Self::Strict => "no record may be refused",
            Self::Lacks => "a field is lacking",
            Self::Headless => "no header",
            Self::Renamed => "fields of other names",
            Self::OtherTypes => "fields of other types",
            Self::Capped => "a cap on the cost",
            Self::OtherEncoding => "another encoding",
            Self::OtherPacking => "another compression",
            Self::CutOff => "cut off",
            Self::Damaged => "packed and damaged",
            Self::Replaced => "replaced",
            Self::Cancelled => "cancelled",
            Self::Twice => "landed before",
        }
    }

    pub(super) fn goes_with(self, place: &Place) -> bool {
        let is_packed = place.packing != Packing::None;
        match self {
            Self::AsItIs => true,
            _ if place.is_alone() => false,
            Self::Damaged => place.packing != Packing::Zip,
            Self::OtherEncoding | Self::OtherPacking => !is_packed,
            _ => true,
        }
    }

    /// The place with what makes it fail.
    pub(super) fn change(self, mut place: Place) -> Place {
        match self {
            Self::Strict => place.rejects = "0",
            Self::Lacks => place.fields.push("{ name: absent, type: string }".to_owned()),
            Self::Headless => {
                let line = place.text.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                place.text.drain(..line);
            }
            Self::Renamed => place.schema.insert_str(0, "  fieldsMatch: equal\n"),
            Self::OtherTypes => {
                place.fields = place
                    .fields
                    .iter()
                    .map(|field| field.replace("type: string", "type: date"))
                    .collect()
            }
            Self::OtherEncoding => place.more += "encoding: utf-16le\n",
            Self::OtherPacking => place.more += "compression: gzip\n",
            Self::Damaged => place.packing = Packing::Gzip,
            Self::AsItIs
            | Self::Capped
            | Self::CutOff
            | Self::Replaced
            | Self::Cancelled
            | Self::Twice => {}
        }
        if self == Self::Renamed {
            place.fields[0] = place.fields[0].replace("name: id", "name: number");
        }
        place
    }

    pub(super) async fn land(self, bench: &Bench, place: &Place, told: &mut Told) {
        let submission = submit(bench, place).await;
        match self {
            Self::Capped => {
                let max_cost = "0.000000001".parse().ok();
                return told.land(bench, Submission { max_cost, ..submission }).await;
            }
            Self::CutOff | Self::Damaged => {
                let mut source = place.source();
                let middle = source.len() / 2;
                match self {
                    Self::CutOff => source.truncate(middle),
                    _ => source[middle] ^= 1,
                }
                bench
                    .inbox()
                    .put(
                        &submission.source.object().unwrap().key,
                        source.into(),
                        objects::Put::Overwrite,
                    )
                    .await
                    .unwrap();
            }
            Self::Replaced => told.between = Between::Replace(b"id,value\n1,another\n".to_vec()),
            Self::Cancelled => told.between = Between::Cancel,
            Self::Twice => {
                told.land(bench, submission).await;
                let again = bench.submit("again", &place.source(), place.shard_bytes, false).await;
                return told.land(bench, again).await;
            }
            _ => {}
        }
        told.land(bench, submission).await;
    }
}
