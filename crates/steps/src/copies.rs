//! Finds objects of one job that have the same bytes, so that these land once.
//!
//! The names by which the store knows the bytes tell mostly. Where it knows none, objects of the
//! same size are read.

use std::collections::HashMap;

use job::message::SourceRef;
use job::{Error, ErrorKind};
use landing::commit::{Crc64Nvme, is_version_name};
use landing::plan::PlannedObject;

use crate::Context;
use crate::source::{pin, source_error};

/// The objects of a job so far.
pub(crate) struct Copies<'a> {
    context: &'a Context,
    /// The objects by the names of their bytes.
    named: HashMap<String, String>,
    /// Those whose bytes have no name, by their size.
    unnamed: HashMap<u64, Vec<Unnamed>>,
}

struct Unnamed {
    source: SourceRef,
    /// CRC-64/NVME, once it was read.
    crc64nvme: Option<u64>,
}

impl<'a> Copies<'a> {
    pub(crate) fn new(context: &'a Context) -> Self {
        Self { context, named: HashMap::new(), unnamed: HashMap::new() }
    }

    /// The object before that has the same bytes, by its name; `None`: there is none, and this one
    /// is the first.
    pub(crate) async fn original_of(
        &mut self,
        object: &PlannedObject,
    ) -> Result<Option<String>, Error> {
        let names = object.contents.iter().filter(|name| !is_version_name(name));
        let names: Vec<&String> = names.collect();
        if let Some(original) = names.iter().find_map(|name| self.named.get(*name)) {
            return Ok(Some(original.clone()));
        }
        if !names.is_empty() {
            let name = object.name();
            self.named.extend(names.into_iter().map(|content| (content.clone(), name.clone())));
            return Ok(None);
        }
        let mut own = Unnamed { source: object.source.clone(), crc64nvme: None };
        let others = self.unnamed.entry(object.bytes).or_default();
        for other in others.iter_mut() {
            let found = other.checksum(self.context, object.bytes).await?;
            if found == own.checksum(self.context, object.bytes).await? {
                return Ok(Some(other.source.name()));
            }
        }
        others.push(own);
        Ok(None)
    }
}

impl Unnamed {
    async fn checksum(&mut self, context: &Context, bytes: u64) -> Result<u64, Error> {
        if let Some(known) = self.crc64nvme {
            return Ok(known);
        }
        let Self { source, .. } = self;
        let (bucket, pin) = (context.buckets.bucket(&source.bucket), pin(source));
        let (mut crc, mut at) = (Crc64Nvme::default(), 0);
        while at < bytes {
            let range = at..(at + bucket.block_bytes()).min(bytes);
            let block = bucket.get(&source.key, &pin, range).await;
            let block = block.map_err(|error| source_error(error, source))?;
            if block.is_empty() {
                return Err(Error::new(
                    ErrorKind::SourceChanged,
                    format!("{} ended at byte {at}", source.name()),
                ));
            }
            crc.update(&block);
            at += block.len() as u64;
        }
        Ok(*self.crc64nvme.insert(crc.value()))
    }
}
