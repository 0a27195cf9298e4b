package dev.warpwright.cli;

import dev.warpwright.Warpwright;
import dev.warpwright.attention.Cake;
import dev.warpwright.attention.EvictionPolicy;
import dev.warpwright.attention.FullCache;
import dev.warpwright.attention.H2o;
import dev.warpwright.attention.KvCacheSpec;
import dev.warpwright.attention.KvMerger;
import dev.warpwright.attention.MpCache;
import dev.warpwright.attention.PageSelection;
import dev.warpwright.attention.PagingStatistics;
import dev.warpwright.attention.SnapKv;
import dev.warpwright.attention.StreamingLlm;
import dev.warpwright.attention.Tova;
import dev.warpwright.cli.model.Decoder;
import dev.warpwright.cli.model.DecoderOptions;
import dev.warpwright.cli.model.EvictedBits;
import dev.warpwright.cli.model.Model;
import dev.warpwright.cli.model.ModelFormatException;
import dev.warpwright.cli.model.WeightKind;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.UnsupportedKernelException;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/** Measures what each eviction policy costs in quality and saves in memory. */
final class EvictionComparison {
  /** Fewest tokens of a window. */
  static final int SHORTEST = 4;

  private static final int LENGTH = 2048;
  private static final int PAGE_SIZE = KvCacheSpec.layers(1).pageSize();

  private static final String PAGED = "one-bit paging";

  /** Ways to keep a cache small, by their names. */
  private static final Map<String, Way> WAYS = new LinkedHashMap<>();

  static {
    WAYS.put("StreamingLLM", evicting(StreamingLlm::budget));
    WAYS.put("H2O", evicting(H2o::budget));
    WAYS.put("SnapKV", evicting(SnapKv::budget));
    WAYS.put("TOVA", evicting(Tova::new));
    WAYS.put("CAKE", evicting(Cake::budget));
    WAYS.put("MPCache", EvictionComparison::mpCache);
    WAYS.put(PAGED, (budget, _) -> new Choice(new FullCache(), PageSelection.paged(pages(budget))));
    WAYS.put("KVMerger", evicting(KvMerger::budget));
  }

  /**
   * What is kept, and what tokens look into.
   *
   * @param policy what is kept
   * @param pages the pages of it that tokens look into; null for all
   */
  private record Choice(EvictionPolicy policy, @Nullable PageSelection pages) {}

  /** A way to keep a cache small. */
  @FunctionalInterface
  private interface Way {
    /** For a budget of slots a row, and prompts of so many tokens. */
    Choice of(int budget, int prompt);
  }

  private static Way evicting(IntFunction<EvictionPolicy> policy) {
    return (budget, _) -> new Choice(policy.apply(budget), null);
  }

  /** The budget is what a token looks into; a model of few layers has none to leave dense. */
  private static Choice mpCache(int budget, int prompt) {
    MpCache usual = MpCache.ofPrompt(prompt);
    MpCache policy = new MpCache(Math.max(budget, usual.budget()), usual.window());
    return new Choice(policy, PageSelection.mpCache(pages(budget)).denseLayers(0));
  }

  private static int pages(int slots) {
    return Math.max(1, slots / PAGE_SIZE);
  }

  private final Warpwright ww;
  private final Model model;
  private final int[][] windows;
  private final int length;
  private final DType kv;

  /** What the fast memories did, by budget. */
  private final Map<Integer, PagingStatistics> paging = new LinkedHashMap<>();

  /** Why policies were left out, by their names. */
  private final Map<String, String> leftOut = new LinkedHashMap<>();

  /**
   * A comparison.
   *
   * @param ww the backend
   * @param model the model
   * @param text text in UTF-8
   * @param count most windows of it
   * @param kv how keys and values are stored
   */
  EvictionComparison(Warpwright ww, Model model, byte[] text, int count, DType kv) {
    this.ww = ww;
    this.model = model;
    this.kv = kv;
    int[] tokens = model.tokenizer().encode(text);
    length = Math.min(Math.min(LENGTH, model.config().positions()), tokens.length);
    windows = new int[length < SHORTEST ? 0 : Math.min(count, tokens.length / length)][];
    for (int i = 0; i < windows.length; i++) {
      windows[i] = Arrays.copyOfRange(tokens, i * length, (i + 1) * length);
    }
  }

  /**
   * One policy with one budget.
   *
   * @param policy its name
   * @param budget slots that a row keeps on average, or a token looks into; −1 for all
   * @param bits mean of −log2 p over the second halves of the windows, a token
   * @param difference to the full cache
   * @param error standard error of the difference over the windows; NaN for one window
   * @param kvBytes most keys and values that a sequence held; with fast memories, in these
   */
  record Row(
      String policy, int budget, double bits, double difference, double error, long kvBytes) {}

  /** Number of windows; 0 where the text is too short for one. */
  int windows() {
    return windows.length;
  }

  /** Tokens of a window. */
  int length() {
    return length;
  }

  /** Whether the backend can evict, or why not. */
  Support support() {
    Heads heads = model.config().heads();
    KvPoolSpec pool = new KvPoolSpec(1, PAGE_SIZE, heads.headDim(), kv);
    return ww.device().support(new SelectTokensSpec(heads, pool, 1, length(), 0, 0));
  }

  /** Measures the full cache, then each policy that the backend can carry out, with each budget. */
  List<Row> run(int... budgets) throws ModelFormatException {
    List<Row> rows = new ArrayList<>();
    try (Progress progress = new Progress("eviction", 1 + (long) WAYS.size() * budgets.length)) {
      EvictedBits.Result full = measure(new Choice(new FullCache(), null));
      rows.add(new Row("full cache", -1, mean(full), 0, 0, full.kvBytes()));
      progress.step();
      for (Map.Entry<String, Way> way : WAYS.entrySet()) {
        try {
          for (int budget : budgets) {
            EvictedBits.Result result = measure(way.getValue().of(budget, length() / 2));
            rows.add(row(way.getKey(), budget, result, full));
            if (way.getKey().equals(PAGED)) {
              paging.put(budget, result.paging());
            }
            progress.step();
          }
        } catch (UnsupportedKernelException e) {
          leftOut.put(way.getKey(), String.valueOf(e.getMessage()));
        }
      }
    }
    return rows;
  }

  private EvictedBits.Result measure(Choice choice) throws ModelFormatException {
    DecoderOptions options =
        DecoderOptions.of(WeightKind.F32, model.config())
            .withKv(kv)
            .withLength(length())
            .withSequences(windows.length)
            .withPages(choice.pages())
            .withObservation(choice.policy().observation());
    try (Decoder decoder = new Decoder(ww, model, options)) {
      return new EvictedBits(decoder, windows).measure(choice.policy());
    }
  }

  private static Row row(
      String policy, int budget, EvictedBits.Result result, EvictedBits.Result full) {
    PairedDifference difference = PairedDifference.of(result.bits(), full.bits());
    return new Row(
        policy, budget, mean(result), difference.mean(), difference.error(), result.kvBytes());
  }

  private static double mean(EvictedBits.Result result) {
    return result.bits().stream().mapToDouble(bits -> bits).average().orElseThrow();
  }

  /** Prints rows as a table, with what they are. */
  void print(PrintWriter out, List<Row> rows) {
    TextTable table =
        new TextTable("lrrrr", "cache", "slots a row", "bits/token", "above full", "KV kB");
    for (Row row : rows) {
      table.row(
          row.policy(),
          row.budget() < 0 ? "all" : "" + row.budget(),
          String.format(Locale.ROOT, "%.4f", row.bits()),
          row.budget() < 0 ? "" : new PairedDifference(row.difference(), row.error()).toString(),
          String.format(Locale.ROOT, "%.0f", row.kvBytes() / 1e3));
    }
    table.print(out);
    leftOut.forEach((policy, reason) -> out.println(policy + " is left out: " + reason));
    paging.forEach((budget, seen) -> out.println(describe(budget, seen)));
    out.println(
        String.format(
            Locale.ROOT,
            """

            Each of %d windows of %d tokens: the first half is read at once, the cache is cut to its
            slots a row (a layer and kv head, on average), the second half is read token by token and
            the cache cut again every 16. Bits a token over the second half; the difference is paired
            over the windows, ± its standard error. KV: the most that a sequence held meanwhile.
            MPCache looks once: it keeps two fifths of the first half, or the slots a row if these are
            more, and all of the second half; the slots a row are what a token looks into, as pages of
            16, the same for pairs of layers and all heads. One-bit paging keeps all; the slots a row
            are the fast memory, which tokens look into and of which each asks for half; KV is what
            lies there, and the rest waits in slow memory.""",
            windows(),
            length()));
    out.println();
    out.flush();
  }

  private static String describe(int budget, PagingStatistics seen) {
    long wrong = seen.wrongAgain() + seen.wrongGone();
    return String.format(
        Locale.ROOT,
        "%s at %d: %.1f %% of the pages asked for were not there, %.1f %% of the predictions wrong",
        PAGED,
        budget,
        100.0 * seen.misses() / Math.max(1, seen.requests()),
        100.0 * wrong / Math.max(1, seen.judged()));
  }
}
