package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Resource;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A piece of text as it was read behind other pieces: its keys and values in host memory, and how
 * much its tokens looked at what stood before. Made by {@link ChunkRecorder}.
 *
 * <p>Behind other pieces the same text has other keys and values, the more so the more it looks at
 * them. With {@code inter_j} the attention of the chunk's tokens to piece j before it and {@code
 * intra} that to the chunk itself, sums over tokens, means over layers and query heads,
 *
 * <pre>
 *   CCI = σ(a / b)     a = Σ_j inter_j / (|C| |C_j|)     b = intra / |C|²
 *   β   = Σ_{j stands before again} inter_j / Σ_j inter_j
 *   β'  = β · (1 − γ)     γ: the part of pairs of those pieces whose order is another
 *   CFO = clip(α · CCI · (1 − β'), 0, 1)
 * </pre>
 *
 * and ⌈CFO · |C|⌉ tokens are read anew, those that looked most at what stood before. Without
 * anything before, β is 1 where nothing is before it again, and else 0. Source: Agarwal et al. 2025
 * (Cache-Craft, arXiv 2502.15734).
 */
public final class Chunk implements Resource {
  private final TokenBlock tokens;
  private final KvSnapshot kept;
  private final int first;
  private final ChunkAttention attention;
  private final List<TokenBlock> before;

  Chunk(
      TokenBlock tokens,
      KvSnapshot kept,
      int first,
      List<TokenBlock> before,
      ChunkAttention attention) {
    this.tokens = tokens;
    this.kept = kept;
    this.first = first;
    this.before = before;
    this.attention = attention;
  }

  /**
   * How much the tokens of a chunk looked where; means over layers and query heads.
   *
   * @param outside of each token what went to the pieces before
   * @param inter of each piece before what went to it from all tokens
   * @param intra what stayed in the chunk
   */
  record ChunkAttention(List<Double> outside, List<Double> inter, double intra) {
    ChunkAttention {
      outside = List.copyOf(outside);
      inter = List.copyOf(inter);
    }
  }

  /** Number of tokens. */
  public int size() {
    return tokens.length();
  }

  /** Logical position of the first token where it was read. */
  public int first() {
    return first;
  }

  /** Host memory that is held. */
  public long bytes() {
    return kept.bytes();
  }

  /** The tokens. */
  TokenBlock tokens() {
    return tokens;
  }

  /** Keys and values, in the order of the tokens. */
  KvSnapshot kept() {
    return kept;
  }

  /** How much the chunk depends on what stood before: CCI, between ½ and 1. */
  public double contextImpact() {
    double a = 0;
    for (int j = 0; j < before.size(); j++) {
      a += attention.inter().get(j) / ((double) size() * before.get(j).length());
    }
    double b = attention.intra() / ((double) size() * size());
    return 1 / (1 + Math.exp(-a / b));
  }

  /**
   * How much of what the chunk looked at stands before it again, in the same order: β'.
   *
   * @param prefix tokens of the pieces that stand before it now
   */
  public double prefixOverlap(List<int[]> prefix) {
    Checks.notNull("prefix", prefix);
    List<TokenBlock> now = prefix.stream().map(TokenBlock::new).toList();
    double all = attention.inter().stream().mapToDouble(x -> x).sum();
    if (all == 0) {
      return now.isEmpty() ? 1 : 0;
    }
    int[] common =
        IntStream.range(0, before.size()).filter(j -> now.contains(before.get(j))).toArray();
    double beta = Arrays.stream(common).mapToDouble(attention.inter()::get).sum() / all;
    int[] places = Arrays.stream(common).map(j -> now.indexOf(before.get(j))).toArray();
    return beta * (1 - discordance(places));
  }

  /** The part of all pairs that do not ascend. */
  private static double discordance(int... places) {
    int pairs = 0;
    int wrong = 0;
    for (int i = 0; i < places.length; i++) {
      for (int j = i + 1; j < places.length; j++) {
        pairs++;
        wrong += places[j] < places[i] ? 1 : 0;
      }
    }
    return pairs == 0 ? 0 : (double) wrong / pairs;
  }

  /**
   * The part of the tokens that should be read anew: CFO.
   *
   * @param prefix tokens of the pieces that stand before it now
   * @param alpha how much care is taken; at least 0
   */
  public double recomputation(List<int[]> prefix, double alpha) {
    Checks.that(alpha >= 0, "alpha", alpha, "at least 0");
    return Math.clamp(alpha * contextImpact() * (1 - prefixOverlap(prefix)), 0, 1);
  }

  /**
   * The tokens that looked most at what stood before.
   *
   * @param part how many of all, 0..1; rounded up
   * @return their indices, ascending; of equals the earlier
   */
  public int[] mostDependent(double part) {
    Checks.that(part >= 0 && part <= 1, "part", part, "0..1");
    return IntStream.range(0, size())
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -attention.outside().get(i)))
        .limit((long) Math.ceil(part * size()))
        .mapToInt(i -> i)
        .sorted()
        .toArray();
  }

  /** Frees the host memory; idempotent. */
  @Override
  public void close() {
    kept.close();
  }
}
