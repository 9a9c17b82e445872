// What to do about a job that failed, by the name of its failure.

const ADVICE = {
  SourceMissing: 'Send the file again, then land it.',
  SourceChanged:
    'The file was replaced while it was landing. Land it again, and its newest version lands.',
  SourceCorrupt: 'Make the file anew where it comes from: what arrived can’t be read whole.',
  ContractInvalid: 'Mend the contract of the dataset, then land the file again.',
  SchemaDrift:
    'Compare the header with the contract. Change the one that is wrong, then land the file again.',
  RejectLimitExceeded:
    'Look at the rejects. Mend the file or the contract, or raise `rejects.limit`, then land the whole file again.',
  LimitExceeded: 'Divide the file, or make what is too large smaller.',
  CostCapExceeded: 'Land it again with a higher `maxCost`, if it is worth that.',
  HoldRefused: 'Somebody refused it. Land the file again if that was a mistake.',
  HoldExpired: 'Nobody answered within a day. Land the file again, and answer in time.',
  Cancelled: 'Land the file again if it is still wanted.',
  AccessDenied: 'Grant the permission that the text names, then land the file again.',
  StoreFull: 'Make room, then land the file again.',
  StoreUnavailable: 'A service was busy for long. Land the file again.',
  DeadlineExceeded: 'A step ran out of time. Land the file again with smaller shards.',
  Internal: 'This is a bug of the pipeline. Report it with the job’s id.',
};

/** What to do. Failures that AWS names are of its services: another attempt may do. */
export const advice = (error) =>
  ADVICE[error] ?? 'Land the file again. If it fails again, report it with the job’s id.';
