//! Makes objects of a snapshot immortal (PEP 683): in the component's data, their counts of references become the one
//! that CPython leaves alone. `wasgi.lasting` says which, and why.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, ensure};
use wasmparser::{DataKind, Operator, Parser, Payload};

/// The count of an immortal object in a CPython 3.14 of 32 bits (`_Py_IMMORTAL_INITIAL_REFCNT`).
const IMMORTAL: u32 = 5 << 28;
/// More references than an object of a snapshot has; and less than any address of an object.
const MOST: u32 = 1 << 20;

/// Marks what the file `noted` names: the address of each object and that of its type.
pub(super) fn mark(component: &Path, noted: &Path) -> anyhow::Result<()> {
    let noted = fs::read(noted).context("the snapshot left no list of its objects")?;
    let mut bytes = fs::read(component).with_context(|| format!("cannot read {}", component.display()))?;
    let marked = mark_in(&mut bytes, &noted).context("what componentize-py made can't be read")?;
    ensure!(marked > 0, "the snapshot holds none of the objects that it noted");
    fs::write(component, bytes).with_context(|| format!("cannot write {}", component.display()))
}

/// How many it marked. What was freed since it was noted is no object any more, and is left as it is.
fn mark_in(component: &mut [u8], noted: &[u8]) -> anyhow::Result<usize> {
    let pieces = memory(component)?;
    let mut marked = 0;
    for pair in noted.chunks_exact(8) {
        let (address, kind) = (word(pair, 0), word(pair, 4));
        let Some(object) = place(&pieces, address).and_then(|range| component.get_mut(range)) else { continue };
        if word(object, 4) == kind && (1..MOST).contains(&word(object, 0)) {
            object[..4].copy_from_slice(&IMMORTAL.to_le_bytes());
            marked += 1;
        }
    }
    Ok(marked)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// A piece of the guest's memory: its address, and where its bytes are in the component.
type Piece = (u32, Range<usize>);

/// The snapshot, by address: of all modules, the one with most data is its.
fn memory(component: &[u8]) -> anyhow::Result<Vec<Piece>> {
    let mut modules: Vec<Vec<Piece>> = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        let Payload::DataSection(section) = payload? else { continue };
        let mut pieces = Vec::new();
        for data in section {
            let data = data?;
            if let DataKind::Active { offset_expr, .. } = &data.kind
                && let Operator::I32Const { value } = offset_expr.get_operators_reader().read()?
            {
                pieces.push((value.cast_unsigned(), data.range.end - data.data.len()..data.range.end));
            }
        }
        modules.push(pieces);
    }
    let size = |pieces: &Vec<Piece>| pieces.iter().map(|(_, range)| range.len()).sum::<usize>();
    let mut pieces = modules.into_iter().max_by_key(size).unwrap_or_default();
    pieces.sort_unstable_by_key(|(address, _)| *address);
    Ok(pieces)
}

/// Where the first two words of the object at `address` are: its count and its type.
fn place(pieces: &[Piece], address: u32) -> Option<Range<usize>> {
    let before = pieces.partition_point(|(begin, _)| *begin <= address).checked_sub(1)?;
    let (begin, range) = pieces.get(before)?;
    let at = range.start + (address - begin) as usize;
    (at + 8 <= range.end).then(|| at..at + 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_still_is_an_object_is_marked() {
        let mut component = wat::parse_str(
            r#"(component
                (core module (memory 1) (data (i32.const 100) "\01\00\00\00\07\00\00\00"))
                (core module (memory 1)
                    (data (i32.const 200) "\02\00\00\00\07\00\00\00" "\00\00\00\00\07\00\00\00")
                    (data (i32.const 100) "\01\00\00\00\08\00\00\00" "\00\00\00\50\07\00\00\00" "\01\00\00")))"#,
        )
        .unwrap();
        let noted: Vec<u8> =
            [100_u32, 108, 116, 200, 208, 300, 0].iter().flat_map(|at| [*at, 7]).flat_map(u32::to_le_bytes).collect();
        let before = component.clone();
        assert_eq!(mark_in(&mut component, &noted).unwrap(), 1);
        let changed: Vec<_> = before.iter().zip(&component).filter(|(before, after)| before != after).collect();
        assert_eq!(changed, [(&2, &0), (&0, &0x50)]);
        assert_eq!(mark_in(&mut component, &noted[..7]).unwrap(), 0);
        assert!(mark_in(&mut [1, 2, 3], &noted).is_err());
    }
}
