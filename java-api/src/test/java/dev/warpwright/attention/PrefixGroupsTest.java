package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PrefixGroupsTest {
  /** Four rows a sequence. */
  private static final KvCacheSpec SPEC =
      KvCacheSpec.layers(2).kvHeads(2).headDim(8).pageSize(4).headPages(4000).dtype(DType.F32);

  private final Warpwright ww = Warpwright.builder().threads(1).open();
  private final PagedKvCache cache = ww.kvCache(SPEC);

  @AfterEach
  void close() {
    cache.close();
    ww.close();
  }

  private Sequence read(int tokens) {
    return more(cache.newSequence(), tokens);
  }

  private Sequence more(Sequence sequence, int tokens) {
    cache.batch(sequence).advance(tokens);
    return sequence;
  }

  @Test
  void forksReadWhatTheyShareOnce() {
    Sequence prompt = read(14);
    Sequence one = more(prompt.fork(), 1);
    Sequence two = more(prompt.fork(), 9);
    Sequence other = read(30);
    PrefixGroups groups = PrefixGroups.of(one, other, two, prompt);
    assertEquals(1, groups.groups().size());
    PrefixGroups.Group group = groups.groups().getFirst();
    assertEquals(3, group.size());
    assertEquals(List.of(0, 2, 3), List.of(group.member(0), group.member(1), group.member(2)));
    // Of 14 tokens 12 fill pages, which nobody writes any more.
    assertEquals(4 * 3, group.sharedPages());
    assertEquals(4 * (4 + 8 + 6 + 4), groups.pages());
    assertEquals(4 * (4 + 8 + 6 + 4) - 2 * 4 * 3, groups.pagesRead());
  }

  /** Eight short answers to one prompt of two that begin alike: two groups save more than one. */
  @Test
  void aDeeperPrefixIsChosenWhereItSavesMore() {
    Sequence system = read(8);
    Sequence left = more(system.fork(), 40);
    Sequence right = more(system.fork(), 40);
    List<Sequence> all = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      all.add(more(left.fork(), 3));
      all.add(more(right.fork(), 3));
    }
    PrefixGroups groups = PrefixGroups.of(all.toArray(Sequence[]::new));
    assertEquals(2, groups.groups().size());
    assertEquals(4 * 12, groups.groups().getFirst().sharedPages());
    assertEquals(groups.pages() - 2 * 3 * 4 * 12, groups.pagesRead());
  }

  /** Held to all divisions of a few sequences into groups. */
  @Test
  void noOtherDivisionReadsLess() {
    Random random = new Random(11);
    for (int round = 0; round < 40; round++) {
      List<Sequence> made = new ArrayList<>();
      made.add(read(1 + random.nextInt(20)));
      while (made.size() < 6) {
        Sequence origin =
            random.nextInt(6) == 0
                ? cache.newSequence()
                : made.get(random.nextInt(made.size())).fork();
        made.add(more(origin, 1 + random.nextInt(20)));
      }
      Collections.shuffle(made, random);
      Sequence[] sequences = made.toArray(Sequence[]::new);
      PrefixGroups groups = PrefixGroups.of(sequences);
      long saved = groups.pages() - groups.pagesRead();
      assertEquals(mostSaved(sequences, new int[sequences.length], 0, 0), saved);
      for (PrefixGroups.Group group : groups.groups()) {
        assertEquals(Math.max(2, group.size()), group.size());
      }
      made.forEach(Sequence::close);
    }
    assertEquals(4000, cache.freePages());
  }

  /** Tries every group for sequence {@code next} and those after it. */
  private static long mostSaved(Sequence[] sequences, int[] groupOf, int next, int groups) {
    if (next < sequences.length) {
      long most = 0;
      for (int group = 0; group <= groups; group++) {
        groupOf[next] = group;
        most = Math.max(most, mostSaved(sequences, groupOf, next + 1, Math.max(groups, group + 1)));
      }
      return most;
    }
    long saved = 0;
    for (int group = 0; group < groups; group++) {
      int number = group;
      Sequence[] members =
          IntStream.range(0, sequences.length)
              .filter(i -> groupOf[i] == number)
              .mapToObj(i -> sequences[i])
              .toArray(Sequence[]::new);
      saved += (members.length - 1) * common(members);
    }
    return saved;
  }

  private static long common(Sequence... members) {
    long common = 0;
    for (int row = 0; row < 4; row++) {
      int index = 0;
      while (sameFullPage(row, index, members)) {
        index++;
      }
      common += index;
    }
    return common;
  }

  private static boolean sameFullPage(int row, int index, Sequence... members) {
    return Arrays.stream(members)
        .allMatch(
            s ->
                (index + 1) * 4 <= s.length(row)
                    && s.page(row, index) == members[0].page(row, index));
  }

  @Test
  void theOrderOfSequencesDoesNotMatter() {
    Sequence prompt = read(9);
    Sequence longer = more(prompt.fork(), 11);
    List<Sequence> all = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      all.add(more(prompt.fork(), 5));
      all.add(more(longer.fork(), 5));
      all.add(read(7));
    }
    Set<Set<Sequence>> expected = sets(all);
    Random random = new Random(2);
    for (int i = 0; i < 10; i++) {
      Collections.shuffle(all, random);
      assertEquals(expected, sets(all));
    }
  }

  private static Set<Set<Sequence>> sets(List<Sequence> all) {
    return PrefixGroups.of(all.toArray(Sequence[]::new)).groups().stream()
        .map(
            group ->
                IntStream.range(0, group.size())
                    .mapToObj(i -> all.get(group.member(i)))
                    .collect(Collectors.toSet()))
        .collect(Collectors.toSet());
  }

  /** Rows of an evicted beginning differ in length; what each shares is counted by itself. */
  @Test
  void evictedRowsShareWhatTheyStillHave() {
    Sequence prompt = read(40);
    cache.evict(cache.batch(prompt), new Uneven());
    Sequence one = more(prompt.fork(), 4);
    Sequence two = more(prompt.fork(), 4);
    // Layer 0 keeps 8 slots, layer 1 keeps 24.
    assertEquals(2 * 2 + 2 * 6, PrefixGroups.of(one, two).groups().getFirst().sharedPages());
  }

  /** Keeps the last 8 slots of layer 0 and 24 of layer 1. */
  private record Uneven() implements EvictionPolicy {
    @Override
    public int budget() {
      return 16;
    }

    @Override
    public int[] budgets(RowStatistics[][] rows) {
      return new int[] {8, 24};
    }

    @Override
    public Observation observation() {
      return Observation.NOTHING;
    }

    @Override
    public void score(RowStatistics row, float[] scores) {
      for (int i = 0; i < scores.length; i++) {
        scores[i] = i;
      }
    }
  }

  @Test
  void refusesWhatIsNotOfOneOpenCache() {
    Sequence own = read(1);
    assertEquals(0, PrefixGroups.of().groups().size());
    assertEquals(0, PrefixGroups.of(own).groups().size());
    try (PagedKvCache other = ww.kvCache(SPEC.headPages(4))) {
      Sequence foreign = other.newSequence();
      assertThrows(InvalidArgumentException.class, () -> PrefixGroups.of(own, foreign));
    }
    own.close();
    assertThrows(IllegalStateException.class, () -> PrefixGroups.of(own));
  }
}
