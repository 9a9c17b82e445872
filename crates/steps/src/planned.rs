//! The objects of a plan: the first ones stand in it, the others in documents beside it.

use bytes::Bytes;
use job::message::{JobKeys, Shard, digest};
use job::{Error, ErrorKind};
use landing::commit::Tally;
use landing::plan::{PART_OBJECTS, Plan, PlannedObject};
use objects::{Objects, Put};

use crate::documents;

/// The objects that a shard has rows of.
pub(crate) async fn objects_of(
    work: &dyn Objects,
    plan: &Plan,
    shard: &Shard,
) -> Result<Vec<PlannedObject>, Error> {
    let mut objects = Planned::new(work, plan);
    let mut found = Vec::with_capacity(shard.objects as usize);
    for position in shard.object..shard.object + shard.objects {
        found.push(objects.get(position).await?.clone());
    }
    Ok(found)
}

/// The objects of a plan, read part by part.
pub(crate) struct Planned<'a> {
    work: &'a dyn Objects,
    plan: &'a Plan,
    /// The part that was read last, and its number. The one in the plan has number 0.
    part: Option<(u32, Vec<PlannedObject>)>,
}

impl<'a> Planned<'a> {
    pub(crate) fn new(work: &'a dyn Objects, plan: &'a Plan) -> Self {
        Self { work, plan, part: None }
    }

    /// How many parts there are.
    pub(crate) fn parts(&self) -> u32 {
        self.plan.objects.div_ceil(PART_OBJECTS as u32)
    }

    /// The objects of a part, from 0.
    pub(crate) async fn part(&mut self, part: u32) -> Result<&[PlannedObject], Error> {
        if part > 0 && self.part.as_ref().is_none_or(|(number, _)| *number != part) {
            let key = self.plan.more_objects.get(part as usize - 1).ok_or_else(|| {
                Error::new(ErrorKind::Internal, format!("the plan has no part {part} of objects"))
            })?;
            self.part = Some((part, documents::read(self.work, key).await?));
        }
        Ok(match &self.part {
            Some((_, objects)) if part > 0 => objects,
            _ => &self.plan.first_objects,
        })
    }

    /// An object, by its position in the plan. Neighbors are read together.
    pub(crate) async fn get(&mut self, position: u32) -> Result<&PlannedObject, Error> {
        let index = position as usize % PART_OBJECTS;
        self.part(position / PART_OBJECTS as u32).await?.get(index).ok_or_else(|| {
            Error::new(ErrorKind::Internal, format!("the plan has no object {position}"))
        })
    }

    /// The objects of a part that shards did not leave out.
    pub(crate) async fn landed_part(
        &mut self,
        part: u32,
        tally: &Tally,
    ) -> Result<Vec<PlannedObject>, Error> {
        let first = part * PART_OBJECTS as u32;
        let objects = (first..).zip(self.part(part).await?);
        Ok(objects.filter(|(at, _)| tally.lands(*at)).map(|(_, object)| object.clone()).collect())
    }

    /// The layout of an object, by its position in the plan.
    pub(crate) async fn layout(&mut self, position: u32) -> Result<u32, Error> {
        match self.plan.layouts.len() {
            // No part has to be read to know it.
            1 => Ok(0),
            _ => Ok(self.get(position).await?.layout),
        }
    }
}

/// Writes the list of objects, part by part, as they come.
pub(crate) struct Writer<'a> {
    work: &'a dyn Objects,
    keys: &'a JobKeys,
    /// The part that stands in the plan.
    first: Vec<PlannedObject>,
    /// The part that is being filled, when it is another one, and the keys of those that are
    /// written.
    part: Vec<PlannedObject>,
    written: Vec<String>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(work: &'a dyn Objects, keys: &'a JobKeys) -> Self {
        Self { work, keys, first: Vec::new(), part: Vec::new(), written: Vec::new() }
    }

    pub(crate) async fn push(&mut self, object: PlannedObject) -> Result<(), Error> {
        if self.first.len() < PART_OBJECTS {
            self.first.push(object);
            return Ok(());
        }
        self.part.push(object);
        if self.part.len() == PART_OBJECTS { self.flush().await } else { Ok(()) }
    }

    /// The part that stands in the plan, once all others are written, and the keys of these.
    pub(crate) async fn finish(mut self) -> Result<(Vec<PlannedObject>, Vec<String>), Error> {
        if !self.part.is_empty() {
            self.flush().await?;
        }
        Ok((self.first, self.written))
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let part = documents::to_text(&std::mem::take(&mut self.part), "a part of the objects")?;
        let key = self.keys.objects(self.written.len() as u32 + 1, &digest(&[&part]));
        self.work.put(&key, Bytes::from(part), Put::Overwrite).await?;
        self.written.push(key);
        Ok(())
    }
}
