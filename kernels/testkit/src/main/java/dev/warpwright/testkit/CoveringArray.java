package dev.warpwright.testkit;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * Rows of levels, one level a factor, so few that every combination of levels of any {@code
 * strength} factors stands in some row. Greedy: a row begins with a combination that no row has
 * yet, and each further factor takes the level that brings most new ones.
 */
final class CoveringArray {
  private final int strength;
  private final int[] levels;
  private final CaseRandom random;

  /** Every choice of factors, ascending, and which combinations of their levels no row has yet. */
  private final List<int[]> choices = new ArrayList<>();

  private final List<BitSet> missing = new ArrayList<>();

  private CoveringArray(int strength, int[] levels, CaseRandom random) {
    this.strength = strength;
    this.levels = levels;
    this.random = random;
    choose(new int[strength], 0, 0);
  }

  /**
   * The rows.
   *
   * @param strength number of factors whose combinations are all there, at most all of them
   * @param levels number of levels of each factor
   * @param random decides between equals
   */
  static List<int[]> rows(int strength, int[] levels, CaseRandom random) {
    CoveringArray array = new CoveringArray(strength, levels, random);
    List<int[]> rows = new ArrayList<>();
    for (int choice = 0; choice < array.choices.size(); choice++) {
      while (!array.missing.get(choice).isEmpty()) {
        rows.add(array.row(choice));
      }
    }
    return rows;
  }

  private void choose(int[] factors, int at, int from) {
    if (at == strength) {
      int combinations = 1;
      for (int factor : factors) {
        combinations *= levels[factor];
      }
      BitSet all = new BitSet(combinations);
      all.set(0, combinations);
      choices.add(factors.clone());
      missing.add(all);
      return;
    }
    for (int factor = from; factor < levels.length; factor++) {
      factors[at] = factor;
      choose(factors, at + 1, factor + 1);
    }
  }

  private int[] row(int choice) {
    int[] row = new int[levels.length];
    boolean[] chosen = new boolean[levels.length];
    int combination = missing.get(choice).nextSetBit(0);
    int[] first = choices.get(choice);
    for (int i = strength - 1; i >= 0; i--) {
      row[first[i]] = combination % levels[first[i]];
      combination /= levels[first[i]];
      chosen[first[i]] = true;
    }
    for (int factor : random.permutation(levels.length)) {
      if (!chosen[factor]) {
        chosen[factor] = true;
        row[factor] = best(row, chosen, factor);
      }
    }
    for (int i = 0; i < choices.size(); i++) {
      missing.get(i).clear(combination(choices.get(i), row));
    }
    return row;
  }

  /** The level of a factor that brings most new combinations with what is chosen. */
  private int best(int[] row, boolean[] chosen, int factor) {
    int[] gains = new int[levels[factor]];
    for (int i = 0; i < choices.size(); i++) {
      if (concerns(choices.get(i), chosen, factor)) {
        for (int level = 0; level < gains.length; level++) {
          row[factor] = level;
          gains[level] += missing.get(i).get(combination(choices.get(i), row)) ? 1 : 0;
        }
      }
    }
    int best = random.between(0, gains.length - 1);
    for (int level = 0; level < gains.length; level++) {
      best = gains[level] > gains[best] ? level : best;
    }
    return best;
  }

  private static boolean concerns(int[] choice, boolean[] chosen, int factor) {
    boolean has = false;
    for (int each : choice) {
      has |= each == factor;
      if (!chosen[each]) {
        return false;
      }
    }
    return has;
  }

  private int combination(int[] choice, int[] row) {
    int combination = 0;
    for (int factor : choice) {
      combination = combination * levels[factor] + row[factor];
    }
    return combination;
  }
}
