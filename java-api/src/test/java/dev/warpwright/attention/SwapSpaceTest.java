package dev.warpwright.attention;

import static dev.warpwright.attention.Readers.SPEC;
import static dev.warpwright.attention.Readers.read;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.MemoryAccount;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SwapSpaceTest {
  private final long before = MemoryAccount.live();
  private final Warpwright ww = Warpwright.builder().threads(2).open();
  private final PagedKvCache cache = ww.kvCache(SPEC);
  private final PagedAttention attention = Readers.attention(ww, cache);
  private final SwapSpace space = new SwapSpace(cache, 80);

  @AfterEach
  void close() {
    space.close();
    attention.close();
    cache.close();
    ww.close();
    assertEquals(before, MemoryAccount.live());
  }

  private Sequence reader(int tokens) {
    Sequence sequence = cache.newSequence();
    read(attention, sequence, tokens);
    return sequence;
  }

  @Test
  void aSequenceComesBackAsItWas() {
    Sequence sequence = reader(22);
    cache.evict(cache.batch(sequence), new StreamingLlm(15, 3));
    byte[] contents = Snapshots.bytes(sequence);
    SwapSpace.Waiting waiting = space.out(sequence);
    assertFalse(sequence.isOpen());
    assertEquals(100, cache.freePages());
    assertEquals(22, waiting.position());
    reader(30).close(); // writes other things where the pages were
    Sequence back = space.in(waiting);
    assertEquals(100 - 4 * 4, cache.freePages());
    assertArrayEquals(contents, Snapshots.bytes(back));
    Sequence other = reader(22);
    cache.evict(cache.batch(other), new StreamingLlm(15, 3));
    assertArrayEquals(read(attention, other, 1), read(attention, back, 1));
    assertThrows(IllegalStateException.class, () -> space.in(waiting));
  }

  /** Only what was written since goes to the host again. */
  @Test
  void copiesOnTheHostAreUsedAgain() {
    Sequence sequence = space.in(space.out(reader(22)));
    assertEquals(4 * 6, space.pagesOut());
    assertEquals(4 * 6, space.pagesIn());
    read(attention, sequence, 1); // slot 22 of page 5
    byte[] contents = Snapshots.bytes(sequence);
    SwapSpace.Waiting waiting = space.out(sequence);
    assertEquals(4 * 7, space.pagesOut());
    assertArrayEquals(contents, Snapshots.bytes(space.in(waiting)));
  }

  /** An eviction writes in place; the copies of those pages are old. */
  @Test
  void anEvictionMakesCopiesOld() {
    Sequence sequence = space.in(space.out(reader(24)));
    cache.evict(cache.batch(sequence), new StreamingLlm(16, 4));
    byte[] contents = Snapshots.bytes(sequence);
    SwapSpace.Waiting waiting = space.out(sequence);
    assertEquals(4 * (6 + 3), space.pagesOut());
    assertArrayEquals(contents, Snapshots.bytes(space.in(waiting)));
  }

  @Test
  void sharedPagesHaveOneCopyAndComeBackShared() {
    Sequence prompt = reader(16);
    Sequence one = prompt.fork();
    Sequence two = prompt.fork();
    prompt.close();
    read(attention, one, 3);
    read(attention, two, 2);
    byte[] ofOne = Snapshots.bytes(one);
    byte[] ofTwo = Snapshots.bytes(two);
    SwapSpace.Waiting first = space.out(one);
    SwapSpace.Waiting second = space.out(two);
    assertEquals(4 * (4 + 2), space.pagesOut());
    assertEquals(100, cache.freePages());
    Sequence oneAgain = space.in(first);
    Sequence twoAgain = space.in(second);
    assertEquals(4 * (4 + 2), space.pagesIn());
    assertEquals(100 - 4 * (4 + 2), cache.freePages());
    assertEquals(4 * 4, PrefixGroups.of(oneAgain, twoAgain).groups().getFirst().sharedPages());
    assertArrayEquals(ofOne, Snapshots.bytes(oneAgain));
    assertArrayEquals(ofTwo, Snapshots.bytes(twoAgain));
  }

  /** A page that another sequence still holds needs no way back. */
  @Test
  void whatStayedOnTheDeviceIsShared() {
    Sequence prompt = reader(18);
    SwapSpace.Waiting waiting = space.out(prompt.fork());
    assertEquals(0, space.pagesIn());
    Sequence back = space.in(waiting);
    assertEquals(0, space.pagesIn());
    assertEquals(100 - 4 * 5, cache.freePages());
    // The last page is shared, too, until one of them writes it.
    assertArrayEquals(read(attention, back, 1), read(attention, prompt, 1));
    SwapSpace.Waiting again = space.out(back);
    read(attention, prompt, 1);
    byte[] contents = Snapshots.bytes(prompt);
    Sequence alone = space.in(again);
    assertEquals(19, alone.position());
    assertEquals(20, prompt.position());
    read(attention, alone, 1);
    assertArrayEquals(contents, Snapshots.bytes(alone));
  }

  @Test
  void spareCopiesMakeRoomAndExhaustionChangesNothing() {
    Sequence one = space.in(space.out(reader(40))); // 40 of 80 places have spare copies
    byte[] contents = Snapshots.bytes(one);
    SwapSpace.Waiting two = space.out(reader(44)); // needs 4 of them
    Sequence three = reader(40);
    PoolExhaustedException refused =
        assertThrows(PoolExhaustedException.class, () -> space.out(three));
    assertEquals(40, refused.asked());
    assertEquals(36, refused.free());
    assertTrue(three.isOpen());
    three.close();
    assertEquals(8, space.in(space.out(reader(8))).position());
    assertEquals(40 + 44 + 8, space.pagesOut());
    assertArrayEquals(contents, Snapshots.bytes(one));
    Sequence filler = reader(12);
    assertEquals(40, cache.freePages());
    assertThrows(PoolExhaustedException.class, () -> space.in(two));
    assertEquals(40, cache.freePages());
    filler.close();
    assertEquals(44, space.in(two).position());
  }

  @Test
  void whatIsForgottenLeavesItsPlaces() {
    SwapSpace.Waiting waiting = space.out(reader(80));
    Sequence next = reader(80);
    assertThrows(PoolExhaustedException.class, () -> space.out(next));
    assertEquals(80, next.position());
    waiting.close();
    waiting.close();
    assertThrows(IllegalStateException.class, () -> space.in(waiting));
    assertEquals(80, space.in(space.out(next)).position());
  }

  @Test
  void notedScoresComeBack() {
    try (PagedKvCache noting = ww.kvCache(SPEC.observing(Observation.sum()));
        PagedAttention reading = Readers.attention(ww, noting);
        SwapSpace host = new SwapSpace(noting, 40)) {
      Sequence sequence = noting.newSequence();
      read(reading, sequence, 9);
      Sequence fork = sequence.fork();
      byte[] contents = Snapshots.bytes(sequence);
      SwapSpace.Waiting waiting = host.out(sequence);
      read(reading, fork, 1);
      assertArrayEquals(contents, Snapshots.bytes(host.in(waiting)));
    }
  }

  /** A merge changes slots that stay where they are. */
  @Test
  void aMergeMakesCopiesOld() {
    KvMerger policy = new KvMerger(16, 4, 0);
    KvCacheSpec merging = SPEC.pageSize(1).headPages(200).observing(policy.observation());
    try (PagedKvCache counting = ww.kvCache(merging);
        PagedAttention reading = Readers.attention(ww, counting);
        SwapSpace host = new SwapSpace(counting, 200)) {
      Sequence sequence = counting.newSequence();
      read(reading, sequence, 24);
      Sequence back = host.in(host.out(sequence));
      assertTrue(counting.evict(counting.batch(back), policy).slots() > 0);
      byte[] contents = Snapshots.bytes(back);
      assertArrayEquals(contents, Snapshots.bytes(host.in(host.out(back))));
    }
  }

  /** Sequences come, read, fork, wait and go, and each holds what it should. */
  @Test
  void anyOrderOfCalls() {
    Random random = new Random(4);
    List<Sequence> running = new ArrayList<>();
    List<SwapSpace.Waiting> waiting = new ArrayList<>();
    for (int step = 0; step < 300; step++) {
      try {
        switch (random.nextInt(6)) {
          case 0 -> running.add(reader(1 + random.nextInt(12)));
          case 1 -> random(running, random).forEach(s -> read(attention, s, 1));
          case 2 -> random(running, random).forEach(s -> running.add(s.fork()));
          case 3 ->
              random(running, random)
                  .forEach(
                      s -> {
                        waiting.add(space.out(s));
                        running.remove(s);
                      });
          case 4 ->
              random(waiting, random)
                  .forEach(
                      w -> {
                        running.add(space.in(w));
                        waiting.remove(w);
                      });
          default ->
              random(running, random)
                  .forEach(
                      s -> {
                        s.close();
                        running.remove(s);
                      });
        }
      } catch (PoolExhaustedException e) {
        random(running, random).forEach(Sequence::close);
        running.removeIf(s -> !s.isOpen());
      }
      random(running, random).forEach(this::requireWhole);
    }
    waiting.forEach(SwapSpace.Waiting::close);
    running.forEach(Sequence::close);
    assertEquals(100, cache.freePages());
  }

  private static <T> List<T> random(List<T> all, Random random) {
    return all.isEmpty() ? List.of() : List.of(all.get(random.nextInt(all.size())));
  }

  /** Keys and values depend on positions only, so any sequence of a length has the same. */
  private void requireWhole(Sequence sequence) {
    if (cache.freePages() >= 4 * (sequence.position() / 4 + 1)) {
      try (Sequence fresh = reader(sequence.position())) {
        assertArrayEquals(filled(fresh), filled(sequence));
      }
    }
  }

  /** Keys of all filled slots. */
  private static float[] filled(Sequence sequence) {
    return FilledSlots.keys(sequence);
  }

  @Test
  void refusesWhatIsNotItsOwn() {
    try (PagedKvCache other = ww.kvCache(SPEC)) {
      SwapSpace others = new SwapSpace(other, 4);
      Sequence foreign = other.newSequence();
      assertThrows(InvalidArgumentException.class, () -> space.out(foreign));
      SwapSpace.Waiting waiting = others.out(foreign);
      assertThrows(InvalidArgumentException.class, () -> space.in(waiting));
      assertThrows(IllegalStateException.class, () -> others.out(foreign));
      others.close();
      assertThrows(IllegalStateException.class, () -> others.in(waiting));
    }
    assertThrows(InvalidArgumentException.class, () -> new SwapSpace(cache, 0));
  }
}
