package dev.warpwright.attention;

import static dev.warpwright.attention.Readers.SPEC;
import static dev.warpwright.attention.Readers.read;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.MemoryAccount;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MigrationTest {
  private final long before = MemoryAccount.live();
  private final Warpwright ww = Warpwright.builder().threads(2).open();
  private final Warpwright otherDevice = Warpwright.builder().backend("reference").open();
  private final PagedKvCache here = ww.kvCache(SPEC);
  private final PagedKvCache there = otherDevice.kvCache(SPEC.headPages(60));
  private final PagedAttention reading = Readers.attention(ww, here);

  @AfterEach
  void close() {
    reading.close();
    here.close();
    there.close();
    ww.close();
    otherDevice.close();
    assertEquals(before, MemoryAccount.live());
  }

  /** What a sequence holds, told by its written form. */
  private static byte[] contents(Sequence sequence) {
    return Snapshots.bytes(sequence);
  }

  @Test
  void stagesCopyWhatIsCompleteAndTheEndCopiesTheRest() {
    Sequence sequence = here.newSequence();
    read(reading, sequence, 18); // 4 full pages a row, and 2 slots
    try (Migration migration = new Migration(sequence, there)) {
      // All was written by the step that came last.
      assertEquals(0, migration.stage());
      read(reading, sequence, 1);
      assertEquals(4 * 4, migration.stage());
      assertEquals(4, migration.remaining());
      assertEquals(0, migration.stage());
      read(reading, sequence, 3); // pages 4 and 5
      assertEquals(0, migration.stage());
      assertEquals(2 * 4, migration.remaining());
      read(reading, sequence, 1);
      assertEquals(4, migration.stage());
      assertEquals(4, migration.remaining());
      Sequence moved = migration.finish();
      assertEquals(23, moved.position());
      assertEquals(60 - 4 * 6, there.freePages());
      assertArrayEquals(contents(sequence), contents(moved));
      assertThrows(IllegalStateException.class, migration::stage);
      assertThrows(IllegalStateException.class, migration::finish);
      moved.close();
      assertEquals(60, there.freePages());
    }
  }

  @Test
  void attentionGoesOnAsIfNothingHadHappened() {
    try (PagedKvCache near = ww.kvCache(SPEC);
        PagedAttention attention = Readers.attention(ww, near)) {
      Sequence sequence = here.newSequence();
      read(reading, sequence, 30);
      read(reading, sequence, 1);
      try (Migration migration = new Migration(sequence, near)) {
        assertEquals(4 * 7, migration.stage());
        read(reading, sequence, 2);
        Sequence moved = migration.finish();
        assertArrayEquals(read(reading, sequence, 3), read(attention, moved, 3));
        assertArrayEquals(read(reading, sequence, 1), read(attention, moved, 1));
      }
    }
  }

  /** Pages that an eviction changes in place, replaces or frees are not what was copied. */
  @Test
  void anEvictionBetweenStagesIsSeen() {
    for (boolean shared : new boolean[] {false, true}) {
      Sequence sequence = here.newSequence();
      read(reading, sequence, 23);
      read(reading, sequence, 1);
      Sequence fork = shared ? sequence.fork() : here.newSequence();
      try (Migration migration = new Migration(sequence, there)) {
        assertEquals(4 * 5, migration.stage());
        here.evict(here.batch(sequence), new StreamingLlm(14, 6));
        // Of slots 0..5 and 16..23 the first page stays, of three more all slots are others.
        assertEquals(4 * 3, migration.remaining());
        Sequence moved = migration.finish();
        assertEquals(14, moved.length(1, 1));
        assertArrayEquals(contents(sequence), contents(moved));
        assertEquals(60 - 4 * 4, there.freePages());
        moved.close();
      }
      sequence.close();
      fork.close();
      assertEquals(100, here.freePages());
      assertEquals(60, there.freePages());
    }
  }

  /** A page that will be written again waits, also where the step before is long over. */
  @Test
  void pagesThatAreNotFullWaitForTheEnd() {
    Sequence sequence = here.newSequence();
    read(reading, sequence, 18);
    try (KvSnapshot snapshot = KvSnapshot.of(sequence)) {
      Sequence restored = here.restore(snapshot);
      try (Migration migration = new Migration(restored, there)) {
        assertEquals(4 * 4, migration.stage());
        assertEquals(4, migration.remaining());
        assertArrayEquals(contents(restored), contents(migration.finish()));
      }
    }
  }

  /** What goes on while the last pages are copied is not what arrives. */
  @Test
  void aStepDuringTheEndIsRefused() {
    Runnable nothing = () -> {};
    AtomicReference<Runnable> once = new AtomicReference<>(nothing);
    KernelDevice hooked = HookedDevice.of(ww.device(), () -> once.getAndSet(nothing).run());
    try (PagedKvCache from = new PagedKvCache(hooked, SPEC)) {
      Sequence sequence = from.newSequence();
      Batch batch = from.batch(sequence).advance(9);
      try (Migration migration = new Migration(sequence, there)) {
        once.set(batch::advance);
        assertThrows(IllegalStateException.class, migration::finish);
        assertEquals(10, sequence.position());
        assertEquals(10, migration.finish().position());
      }
    }
  }

  @Test
  void exhaustionLosesNothing() {
    Sequence sequence = here.newSequence();
    read(reading, sequence, 40);
    read(reading, sequence, 1);
    Sequence guest = there.newSequence();
    try (Migration migration = new Migration(sequence, there)) {
      there.batch(guest).advance(24);
      PoolExhaustedException refused = assertThrows(PoolExhaustedException.class, migration::stage);
      assertEquals(40, refused.asked());
      assertEquals(60 - 24, there.freePages());
      guest.close();
      assertEquals(40, migration.stage());
      assertEquals(20, there.freePages());
      Sequence large = there.newSequence();
      there.batch(large).advance(20);
      assertThrows(PoolExhaustedException.class, migration::finish);
      large.close();
      assertArrayEquals(contents(sequence), contents(migration.finish()));
    }
  }

  @Test
  void whatIsBrokenOffGivesItsPagesBack() {
    Sequence sequence = here.newSequence();
    read(reading, sequence, 8);
    read(reading, sequence, 1);
    Migration migration = new Migration(sequence, there);
    migration.stage();
    assertEquals(60 - 8, there.freePages());
    migration.close();
    migration.close();
    assertEquals(60, there.freePages());
    assertTrue(sequence.isOpen());
    assertArrayEquals(contents(sequence), contents(sequence.fork()));
  }

  @Test
  void notedScoresComeAlong() {
    KvCacheSpec noting = SPEC.observing(Observation.sum());
    try (PagedKvCache from = ww.kvCache(noting);
        PagedKvCache to = ww.kvCache(noting);
        PagedAttention attention = Readers.attention(ww, from)) {
      Sequence sequence = from.newSequence();
      read(attention, sequence, 9);
      read(attention, sequence, 1);
      try (Migration migration = new Migration(sequence, to)) {
        assertEquals(4 * 2, migration.stage());
        read(attention, sequence, 1); // notes beside all slots
        assertEquals(4, migration.remaining());
        assertArrayEquals(contents(sequence), contents(migration.finish()));
      }
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    Sequence sequence = here.newSequence();
    assertThrows(InvalidArgumentException.class, () -> new Migration(sequence, here));
    try (PagedKvCache other = ww.kvCache(SPEC.pageSize(8))) {
      InvalidArgumentException refused =
          assertThrows(InvalidArgumentException.class, () -> new Migration(sequence, other));
      assertTrue(refused.getMessage().contains("pageSize=8"), refused.getMessage());
    }
    try (Migration migration = new Migration(sequence, there)) {
      sequence.close();
      assertThrows(IllegalStateException.class, migration::stage);
      assertThrows(IllegalStateException.class, migration::finish);
    }
    assertThrows(IllegalStateException.class, () -> new Migration(sequence, there));
  }
}
