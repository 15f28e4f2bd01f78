//! Pages of a column of lists, within a limit: a list may claim any number of values in a few bytes, and all of
//! them are decoded at once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use ::parquet::{
    column::{
        page::{Page, PageMetadata, PageReader},
        reader::{ColumnReader, get_column_reader},
    },
    errors::ParquetError,
    file::reader::RowGroupReader,
    schema::types::ColumnDescPtr,
};

use super::super::MAX_COLUMNS;

/// Most values of one list: as many as a table may have columns.
pub(super) const MAX_LIST_VALUES: usize = MAX_COLUMNS;
/// Most values of the pages that one list may lie in. Those of one page are some hundred thousand, mostly.
const MAX_PAGE_VALUES: usize = 1 << 23;

/// Values that pages may still have for the list at hand.
#[derive(Clone, Debug)]
pub(super) struct ListBudget {
    left: Arc<AtomicUsize>,
    most: usize,
}

impl ListBudget {
    fn new(most: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(most)), most }
    }

    /// A list is complete: the next one has the whole budget again.
    pub(super) fn renew(&self) {
        self.left.store(self.most, Relaxed);
    }

    fn spend(&self, values: usize) -> Result<(), ParquetError> {
        let left = self.left.load(Relaxed).checked_sub(values);
        let why = || format!("a list lies in pages of more than {} values", self.most);
        self.left.store(left.ok_or_else(|| ParquetError::General(why()))?, Relaxed);
        Ok(())
    }
}

/// The reader of a column of lists, and the budget of each list.
pub(super) fn list_reader(
    group: &dyn RowGroupReader,
    place: usize,
    column: ColumnDescPtr,
) -> Result<(ColumnReader, ListBudget), ParquetError> {
    let budget = ListBudget::new(MAX_PAGE_VALUES);
    let pages = Limited { pages: group.get_column_page_reader(place)?, budget: budget.clone() };
    Ok((get_column_reader(column, Box::new(pages)), budget))
}

/// Pages that are counted before they are decoded.
struct Limited {
    pages: Box<dyn PageReader>,
    budget: ListBudget,
}

impl PageReader for Limited {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let page = self.pages.get_next_page()?;
        if let Some(page) =
            page.as_ref().filter(|page| !matches!(page, Page::DictionaryPage { .. }))
        {
            self.budget.spend(page.num_values() as usize)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool, ParquetError> {
        self.pages.at_record_boundary()
    }
}

impl Iterator for Limited {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ::parquet::{
        arrow::ArrowWriter,
        file::reader::{FileReader as _, SerializedFileReader},
    };
    use arrow_array::{ArrayRef, ListArray, RecordBatch, types::Float64Type};

    use super::{
        super::{
            cell::{Cell, read_cells},
            kind,
        },
        *,
    };

    /// Reads the lists of these lengths, as if pages might have `most` values for each.
    fn read(lengths: &[usize], most: usize) -> Result<Vec<usize>, ParquetError> {
        let lists = lengths.iter().map(|length| Some(vec![Some(0.0); *length]));
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(lists));
        let batch = RecordBatch::try_from_iter([("vector", lists)]).expect("a column");
        let mut file = tempfile::tempfile().expect("a file");
        let copy = file.try_clone().expect("a handle");
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).expect("a schema");
        writer.write(&batch).expect("writable");
        writer.close().expect("writable");
        let file = SerializedFileReader::new(copy).expect("Parquet");
        let (_, leaves) =
            kind::columns("t".as_ref(), file.metadata().file_metadata()).expect("a list");
        let group = file.get_row_group(0).expect("one");
        let column = group.metadata().schema_descr().column(0);
        let budget = ListBudget::new(most);
        let pages = group.get_column_page_reader(0).expect("a column");
        let pages = Limited { pages, budget: budget.clone() };
        let mut reader = get_column_reader(Arc::clone(&column), Box::new(pages));
        let cells = read_cells(&mut reader, leaves[0], &column, lengths.len(), Some(&budget))?;
        let length = |cell: &Cell| match cell {
            Cell::Numbers(numbers) => numbers.len(),
            _ => 0,
        };
        Ok(cells.iter().map(length).collect())
    }

    #[test]
    fn a_list_is_as_long_as_a_table_may_be_wide() {
        let most = MAX_LIST_VALUES;
        let lengths = [3, most, 0, most, 1];
        assert_eq!(read(&lengths, MAX_PAGE_VALUES).expect("short enough"), lengths);
        let refused = read(&[3, most + 1], MAX_PAGE_VALUES).expect_err("too long").to_string();
        assert!(refused.contains(&most.to_string()), "{refused}");
    }

    /// A list is given up before its pages are decoded.
    #[test]
    fn pages_of_one_list_have_a_limit() {
        read(&[1000, 1000], 2000).expect("one page");
        let refused = read(&[1000, 1000], 1999).expect_err("too many").to_string();
        assert!(refused.contains("1999"), "{refused}");
        // Each list has a budget of its own.
        let many = vec![100; 100_000];
        assert_eq!(read(&many, 4_000_000).expect("many pages").len(), many.len());
    }
}
