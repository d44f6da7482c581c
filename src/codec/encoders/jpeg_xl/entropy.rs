//! The entropy coder of the samples (ISO/IEC 18181-1 C.2): prefix codes, of which each channel has the luma's or the chroma's, and runs.
//!
//! A first look at some rows counts tokens, codes are made for these counts, and then every difference is written. For the small ones,
//! which are nearly all, a table holds the whole answer: the bits of the code with those that follow it.

use super::bit_writer::{BitWriter, Pen};
use super::channels::{Channels, GROUP_DIM};
use super::prefix_code::PrefixCode;
use super::residuals::{Area, Rows, SHORTEST_RUN, Sink};
use super::tokens::{BITS_IN_TOKEN, SPLIT_EXPONENT, run_token_of, token_of, tokens_of_bits};

/// So many samples of an image are looked at, or a few more; of an image that has not more, all.
const LOOKED_AT: usize = 1 << 15;
/// Lengths of runs within a group, counted from [`SHORTEST_RUN`], have fewer bits than this.
const RUN_TOKENS: u32 = 21;
/// Differences below this are in the table.
const QUICK: usize = 1 << 12;
/// The least number that can be the first token of a run's length (table C.1).
const LEAST_RUN_SYMBOL: u32 = 8;

/// The codes of an image.
pub(super) struct Codes {
    contexts: Vec<Context>,
    /// From this symbol on, a symbol is the length of a run.
    run_symbol: u32,
}

/// The code of one kind of channel.
struct Context {
    code: PrefixCode,
    /// The symbol that occurs, where only one does.
    only: u32,
    /// By difference: how many bits in the lowest five bits, and the bits above them.
    quick: Box<[u32; QUICK]>,
}

impl Codes {
    /// Those that suit the image, by a look at some of its rows.
    #[inline(always)]
    pub(super) fn of(channels: &Channels<'_>, rows: &mut Rows) -> Codes {
        let bits = channels.residual_bits();
        let run_symbol = tokens_of_bits(bits).max(LEAST_RUN_SYMBOL);
        let cells = &channels.cells;
        let step = (cells.columns * cells.rows / LOOKED_AT).max(1);
        // What was not looked at, or is predicted otherwise at the edges of groups, may be anything.
        let all = step > 1 || cells.columns > GROUP_DIM || cells.rows > GROUP_DIM;
        let contexts = (0..contexts(channels)).map(|context| {
            let counts = vec![u64::from(all); (run_symbol + RUN_TOKENS) as usize];
            let mut counter = Counter { counts, small: Box::new([0; QUICK]), run_symbol };
            for channel in (0..channels.count()).filter(|channel| context_of(*channel, channels) == context) {
                let area = Area { channel, x: 0, y: 0, columns: cells.columns, rows: cells.rows };
                rows.some(channels, area, step, &mut counter);
            }
            Context::new(&counter.symbols(), 1 << bits)
        });
        Codes { contexts: contexts.collect(), run_symbol }
    }

    /// Writes the description of the coder (C.2.1).
    pub(super) fn write(&self, writer: &mut BitWriter) {
        // Runs are LZ77 with the one distance 1: their least symbol and length, and how the length is a token and bits.
        writer.flag(true);
        writer.number(self.run_symbol, [(224, 0), (512, 0), (4096, 0), (LEAST_RUN_SYMBOL, 15)]);
        writer.number(SHORTEST_RUN, [(3, 0), (4, 0), (5, 2), (9, 8)]);
        writer.write(0, 4);
        // Each context has a code of its own, and so has the distance, which comes last.
        let codes = self.contexts.len() as u32 + 1;
        writer.flag(true);
        let bits = codes.next_power_of_two().trailing_zeros();
        writer.write(bits.into(), 2);
        (0..codes).for_each(|code| writer.write(code.into(), bits));
        // Prefix codes; then how numbers become tokens, how many symbols there are, and the codes.
        writer.flag(true);
        for _ in &self.contexts {
            writer.write(SPLIT_EXPONENT.into(), 4);
            writer.write(BITS_IN_TOKEN.into(), 3);
            writer.write(0, 2);
        }
        writer.write(0, 4);
        let distance = PrefixCode::best_for(&[0, 1]);
        self.contexts
            .iter()
            .map(|context| &context.code)
            .chain([&distance])
            .for_each(|code| code.write_count(writer));
        self.contexts.iter().for_each(|context| context.code.write(context.only, writer));
        distance.write(1, writer);
    }

    /// Writes all differences of an area.
    #[inline(always)]
    pub(super) fn write_area(
        &self,
        channels: &Channels<'_>,
        area: Area,
        rows: &mut Rows,
        writer: &mut BitWriter,
    ) {
        if let Some(context) = self.contexts.get(context_of(area.channel, channels)) {
            rows.each(channels, area, &mut Writer { context, run_symbol: self.run_symbol, writer });
        }
    }
}

/// How many contexts there are.
fn contexts(channels: &Channels<'_>) -> usize {
    if channels.count() == 3 { 2 } else { 1 }
}

/// The context of a channel, in the order of the leaves of the tree: the colours, then the luma.
pub(super) fn context_of(channel: usize, channels: &Channels<'_>) -> usize {
    usize::from(channel == 0 && channels.count() == 3)
}

impl Context {
    /// For symbols that occur so often, and differences below `end`.
    fn new(counts: &[u64], end: u32) -> Context {
        let code = PrefixCode::best_for(counts);
        let only = counts.iter().position(|count| *count > 0).unwrap_or_default() as u32;
        let mut quick = Box::new([0; QUICK]);
        // The differences of one token lie side by side, and of their entries the bits that follow the code's count up.
        let (mut first, end) = (0, QUICK.min(end as usize));
        while first < end {
            let (token, rest) = token_of(first as u32);
            let (bits, count) = code.code(token);
            let behind = end.min(first + (1 << rest));
            for (low, entry) in (0_u32..).zip(&mut quick[first..behind]) {
                *entry = (bits | low.wrapping_shl(count)) << 5 | (count + rest);
            }
            first = behind;
        }
        Context { code, only, quick }
    }
}

/// The code of a difference's token with the bits that follow it, and how many bits these are.
#[inline(always)]
fn with_rest(code: &PrefixCode, difference: u32) -> (u64, u32) {
    let (token, rest) = token_of(difference);
    let (bits, count) = code.code(token);
    (u64::from(bits) | u64::from(difference & ((1 << rest) - 1)) << count, count + rest)
}

struct Counter {
    /// By symbol, without what is in `small`.
    counts: Vec<u64>,
    /// By difference: to count these as they are is quicker than to find their tokens.
    small: Box<[u32; QUICK]>,
    run_symbol: u32,
}

impl Counter {
    /// How often each symbol occurs.
    fn symbols(mut self) -> Vec<u64> {
        let mut first = 0;
        while first < QUICK {
            let (token, rest) = token_of(first as u32);
            let behind = QUICK.min(first + (1 << rest));
            let sum: u32 = self.small[first..behind].iter().sum();
            if let Some(count) = self.counts.get_mut(token as usize) {
                *count += u64::from(sum);
            }
            first = behind;
        }
        self.counts
    }

    #[inline(always)]
    fn count(&mut self, symbol: u32) {
        if let Some(count) = self.counts.get_mut(symbol as usize) {
            *count += 1;
        }
    }
}

impl Sink for Counter {
    #[inline(always)]
    fn numbers(&mut self, numbers: &[u32]) {
        for number in numbers {
            match self.small.get_mut(*number as usize) {
                Some(count) => *count = count.wrapping_add(1),
                None => self.count(token_of(*number).0),
            }
        }
    }

    fn run(&mut self, length: u32) {
        self.count(self.run_symbol + run_token_of(length - SHORTEST_RUN).0);
    }
}

struct Writer<'a> {
    context: &'a Context,
    run_symbol: u32,
    writer: &'a mut BitWriter,
}

/// A difference takes no more bits than this: 15 of the code and 15 behind it.
const MOST_BITS_OF_A_NUMBER: usize = 30;

impl Sink for Writer<'_> {
    #[inline(always)]
    fn numbers(&mut self, numbers: &[u32]) {
        let context = self.context;
        let quick = |number: u32| {
            let entry = context.quick[number as usize % QUICK];
            (u64::from(entry >> 5), entry & 31)
        };
        let mut pen = self.writer.pen(numbers.len() * MOST_BITS_OF_A_NUMBER);
        let (pairs, last) = numbers.as_chunks::<2>();
        for pair in pairs {
            if ((pair[0] | pair[1]) as usize) < QUICK {
                let ((first, count), (second, more)) = (quick(pair[0]), quick(pair[1]));
                pen.put(first | second.wrapping_shl(count), count.wrapping_add(more));
            } else {
                slowly(context, pair, &mut pen);
            }
        }
        slowly(context, last, &mut pen);
        let end = pen.end();
        self.writer.keep(end);
    }

    #[cold]
    fn run(&mut self, length: u32) {
        let (token, rest) = run_token_of(length - SHORTEST_RUN);
        let (bits, count) = self.context.code.code(self.run_symbol + token);
        self.writer.write(bits.into(), count);
        self.writer.write(u64::from((length - SHORTEST_RUN) & ((1 << rest) - 1)), rest);
    }
}

#[inline(always)]
fn slowly(context: &Context, numbers: &[u32], pen: &mut Pen<'_>) {
    for number in numbers {
        let (bits, count) = with_rest(&context.code, *number);
        pen.put(bits, count);
    }
}
