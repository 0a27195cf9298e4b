package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Resource;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Iterator;
import java.util.LinkedHashSet;

/**
 * Host memory for sequences that wait while others use a cache. {@link #out} copies a sequence's
 * pages to the host and frees them, {@link #in} brings it back.
 *
 * <p>Copies are not made twice. The host keeps the copies of a sequence that is back, as long as
 * there is room, so that when it must wait again only pages go that were written meanwhile. A page
 * that several sequences share has one copy, and comes back to those that return as one page while
 * any of them, or another sequence, still holds it unchanged. (Not so in a cache that notes scores:
 * there pages are each sequence's own.) Copies lie in runs of neighbours where they can, so that
 * few, large transfers are made. Source: Shen et al. 2024 (FastSwitch, arXiv 2411.18424).
 *
 * <p>Evicted slots, positions and noted scores are as before; so is attention, to the bit. Calls
 * must not come between the layers of a step of the sequence. May be used by several threads, one
 * at a time.
 */
public final class SwapSpace implements Resource {
  /** No page of the device, or none of the host. */
  private static final int NONE = -1;

  private final PagedKvCache cache;
  private final HeadPages pages;
  private final HostPages host;

  /** Of each page of the device its copy on the host. */
  private final int[] copyOf;

  /** Of each copy the page it was made of or brought to last, and the number of its last write. */
  private final int[] pageOf;

  private final long[] stampOf;

  /** Of each copy how many waiting sequences need it. */
  private final int[] holders;

  private final BitSet used = new BitSet();

  /** Copies that no waiting sequence needs, those that became so first in front. */
  private final LinkedHashSet<Integer> spare = new LinkedHashSet<>();

  private long pagesOut;
  private long pagesIn;
  private boolean closed;

  /**
   * Allocates host memory.
   *
   * @param cache the cache whose sequences may wait
   * @param hostPages head pages that can be held
   */
  public SwapSpace(PagedKvCache cache, int hostPages) {
    this.cache = Checks.notNull("cache", cache);
    Checks.between("hostPages", hostPages, 1, Integer.MAX_VALUE);
    pages = cache.pages();
    host = new HostPages(cache.spec().pool(), hostPages);
    copyOf = new int[cache.spec().headPages()];
    Arrays.fill(copyOf, NONE);
    pageOf = new int[hostPages];
    stampOf = new long[hostPages];
    holders = new int[hostPages];
  }

  /** A sequence that waits on the host. Closing it forgets it. */
  public final class Waiting implements Resource {
    private final Sequence before;
    private final int[] copies;
    private final HostNumbers numbers;
    private boolean over;

    Waiting(Sequence before, int[] copies, HostNumbers numbers) {
      this.before = before;
      this.copies = copies;
      this.numbers = numbers;
    }

    /** Tokens that the sequence has seen. */
    public int position() {
      return before.position();
    }

    private SwapSpace space() {
      return SwapSpace.this;
    }

    private void end() {
      over = true;
      numbers.close();
      for (int copy : copies) {
        if (--holders[copy] == 0) {
          spare.add(copy);
        }
      }
    }

    /** Forgets the sequence, if it is not back; idempotent. */
    @Override
    public void close() {
      synchronized (cache) {
        if (!over) {
          end();
        }
      }
    }
  }

  /** Pages that were copied to the host so far. */
  public long pagesOut() {
    return pagesOut;
  }

  /** Pages that were copied from the host so far. */
  public long pagesIn() {
    return pagesIn;
  }

  /**
   * Brings a sequence to the host and closes it.
   *
   * @param sequence an open sequence of the cache
   * @throws PoolExhaustedException if the host has no room; nothing has changed then
   */
  public Waiting out(Sequence sequence) {
    synchronized (cache) {
      requireOpen();
      cache.requireOwn("sequence", sequence);
      int[] held = sequence.allPages();
      int[] copies = new int[held.length];
      int missing = 0;
      for (int i = 0; i < held.length; i++) {
        copies[i] = copyOf(held[i]);
        if (copies[i] == NONE) {
          missing++;
        } else {
          hold(copies[i]);
        }
      }
      HostNumbers numbers = null;
      try {
        makeRoom(missing);
        numbers = new HostNumbers(cache.pool(), held.length);
        numbers.read(cache.pool(), held);
        copyOut(held, copies, missing);
      } catch (RuntimeException e) {
        if (numbers != null) {
          numbers.close();
        }
        for (int copy : copies) {
          if (copy != NONE && --holders[copy] == 0) {
            spare.add(copy);
          }
        }
        throw e;
      }
      pagesOut += missing;
      Waiting waiting = new Waiting(new Sequence(sequence), copies, numbers);
      sequence.close();
      return waiting;
    }
  }

  /**
   * Brings a sequence back.
   *
   * @param waiting a sequence that waits here; over then
   * @return the sequence, which the caller closes
   * @throws PoolExhaustedException if the cache has too few free pages; nothing has changed then
   */
  public Sequence in(Waiting waiting) {
    synchronized (cache) {
      requireOpen();
      cache.requireOpen();
      Checks.notNull("waiting", waiting);
      Checks.that(waiting.space() == this, "waiting", "of another swap space", "of this one");
      if (waiting.over) {
        throw new IllegalStateException("the sequence does not wait any more");
      }
      int[] copies = waiting.copies;
      int[] target = new int[copies.length];
      int missing = 0;
      for (int i = 0; i < copies.length; i++) {
        target[i] = pageOf(copies[i]);
        if (target[i] == NONE) {
          missing++;
        } else {
          pages.share(target[i]);
        }
      }
      boolean[] fresh = new boolean[copies.length];
      try {
        cache.requireFree(missing);
        for (int i = 0; i < copies.length; i++) {
          if (target[i] == NONE) {
            fresh[i] = true;
            target[i] = pages.take();
          }
        }
        copyIn(copies, target, fresh);
        waiting.numbers.write(cache.pool(), target);
      } catch (RuntimeException e) {
        Arrays.stream(target).filter(page -> page != NONE).forEach(pages::give);
        throw e;
      }
      pagesIn += missing;
      for (int i = 0; i < copies.length; i++) {
        link(copies[i], target[i]);
      }
      waiting.end();
      return new Sequence(waiting.before, cache, byRow(waiting.before, target));
    }
  }

  /** The copy of a page as it is now. */
  private int copyOf(int page) {
    int copy = copyOf[page];
    boolean same = copy != NONE && pageOf[copy] == page && stampOf[copy] == pages.stamp(page);
    return same ? copy : NONE;
  }

  /** The page on the device that is still what a copy was made of, and may be shared. */
  private int pageOf(int copy) {
    int page = pageOf[copy];
    boolean same = pages.holders(page) > 0 && stampOf[copy] == pages.stamp(page);
    return same && cache.pool().arrayCount() == 0 ? page : NONE;
  }

  private void link(int copy, int page) {
    copyOf[page] = copy;
    pageOf[copy] = page;
    stampOf[copy] = pages.stamp(page);
  }

  private void hold(int copy) {
    holders[copy]++;
    spare.remove(copy);
  }

  /** Forgets spare copies until there is room for {@code count} more. */
  private void makeRoom(int count) {
    int free = host.count() - used.cardinality();
    if (count > free + spare.size()) {
      throw new PoolExhaustedException("swap space", count, free + spare.size(), host.count());
    }
    for (Iterator<Integer> copies = spare.iterator(); free < count; free++) {
      int copy = copies.next();
      // Should what comes next fail, the place holds nothing that may be used again.
      pageOf[copy] = NONE;
      used.clear(copy);
      copies.remove();
    }
  }

  /** Copies the pages that have none, to runs of free places. */
  private void copyOut(int[] held, int[] copies, int missing) {
    int[] indices = new int[missing];
    int count = 0;
    for (int i = 0; i < copies.length; i++) {
      if (copies[i] == NONE) {
        indices[count++] = i;
      }
    }
    for (int done = 0; done < missing; ) {
      int at = freeRun(missing - done);
      int length = Math.min(missing - done, runLength(at));
      int[] run = new int[length];
      for (int i = 0; i < length; i++) {
        run[i] = held[indices[done + i]];
      }
      host.read(cache.pool(), run, at);
      used.set(at, at + length);
      for (int i = 0; i < length; i++) {
        copies[indices[done + i]] = at + i;
        holders[at + i] = 1;
        link(at + i, run[i]);
      }
      done += length;
    }
  }

  /**
   * Where the first run of {@code length} free places begins, or if there is none the first run.
   */
  private int freeRun(int length) {
    int first = used.nextClearBit(0);
    for (int at = first; at < host.count(); at = used.nextClearBit(at + runLength(at))) {
      if (runLength(at) >= length) {
        return at;
      }
    }
    return first;
  }

  private int runLength(int at) {
    int next = used.nextSetBit(at);
    return (next < 0 ? host.count() : next) - at;
  }

  /** Copies fresh pages in, neighbours on the host together. */
  private void copyIn(int[] copies, int[] target, boolean[] fresh) {
    for (int i = 0; i < copies.length; ) {
      int end = i;
      while (end < copies.length && fresh[end] && copies[end] == copies[i] + end - i) {
        end++;
      }
      if (end > i) {
        host.write(cache.pool(), Arrays.copyOfRange(target, i, end), copies[i]);
      }
      i = Math.max(end, i + 1);
    }
  }

  private static int[][] byRow(Sequence before, int... target) {
    int[][] tables = new int[before.rows()][];
    int at = 0;
    for (int row = 0; row < tables.length; row++) {
      tables[row] = Arrays.copyOfRange(target, at, at + before.pageCount(row));
      at += before.pageCount(row);
    }
    return tables;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the swap space is closed");
    }
  }

  /** Frees the host memory; sequences that wait are lost. Idempotent. */
  @Override
  public void close() {
    synchronized (cache) {
      closed = true;
      host.close();
    }
  }
}
