//! Profiles a file that does not land: its records are typed as a contract says, and those without
//! a fault are profiled.

use contract::{Contract, Mapping};
use csv_records::dialect::Dialect;
use job::{Error, ErrorKind};

use super::{Profile, Sketch};
use crate::batch::Batch;
use crate::batch::Cells;
use crate::columns::keep;
use crate::columns::{self, Records};
use crate::mask::Masks;
use crate::transform;

/// A table on its way.
#[derive(Debug)]
pub struct Table {
    contract: Contract,
    mapping: Mapping,
    /// [Positions](contract::Stored::index) of what is stored.
    stored: Vec<usize>,
    masks: Option<Masks>,
    sketch: Sketch,
    refused: u64,
}

impl Table {
    /// No record yet, of a source whose columns are mapped to the contract's fields. What the
    /// contract hashes is redacted: this is before there is a salt.
    pub fn new(contract: Contract, mapping: Mapping) -> Self {
        let (stored, columns): (Vec<_>, Vec<_>) =
            contract.stored().map(|column| (column.index, (column.name, column.data_type))).unzip();
        let sketch = Sketch::new(columns);
        let masks = Masks::new(&contract, &mapping, None);
        Self { contract, mapping, stored, masks, sketch, refused: 0 }
    }

    /// Takes records in.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Internal`]: a bug.
    pub fn observe(&mut self, batch: &Batch<'_>, dialect: &Dialect) -> Result<(), Error> {
        if !self.contract.transform.join.is_empty() {
            return Err(Error::new(
                ErrorKind::ContractInvalid,
                "the contract joins tables, which are read only where files land",
            ));
        }
        let cells = batch.cells();
        let mut findings = batch.faults(self.mapping.columns, &cells);
        let Cells { window, fields, is_utf8, .. } = &cells;
        let records = Records { window, rows: &batch.records, fields, dialect, is_utf8: *is_utf8 };
        let mut columns = columns::read(records, &self.contract, &self.mapping, &mut findings);
        let filtered = transform::work(
            &self.contract.transform,
            &mut columns,
            batch.records.len(),
            &mut findings,
            Vec::new(),
        )?;
        if let Some(masks) = &self.masks {
            masks.work(&mut columns)?;
        }
        if !findings.is_empty() || filtered.contains(&true) {
            let mut is_good = vec![true; batch.records.len()];
            findings.iter().for_each(|finding| is_good[finding.row as usize] = false);
            self.refused += is_good.iter().filter(|good| !**good).count() as u64;
            is_good.iter_mut().zip(&filtered).for_each(|(good, filtered)| *good &= !filtered);
            columns = keep(columns, is_good, &self.stored)?;
        }
        self.sketch.observe(self.stored.iter().map(|index| &columns[*index]));
        Ok(())
    }

    /// The profile, and how many records had a fault and have no part in it.
    pub fn finish(self) -> (Profile, u64) {
        (self.sketch.profile(), self.refused)
    }
}
