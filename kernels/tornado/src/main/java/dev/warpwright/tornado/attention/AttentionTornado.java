package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
import dev.warpwright.kernels.UnsupportedKernelException;
import dev.warpwright.kernels.attention.AppendKv;
import dev.warpwright.kernels.attention.AppendKvSpec;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.MergeSimilarKv;
import dev.warpwright.kernels.attention.MergeSimilarKvSpec;
import dev.warpwright.kernels.attention.MergeStates;
import dev.warpwright.kernels.attention.MergeStatesSpec;
import dev.warpwright.kernels.attention.PageBounds;
import dev.warpwright.kernels.attention.PageBoundsSpec;
import dev.warpwright.kernels.attention.PageTransfer;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.kernels.attention.PagedDecode;
import dev.warpwright.kernels.attention.PagedDecodeSpec;
import dev.warpwright.kernels.attention.PagedPrefill;
import dev.warpwright.kernels.attention.PagedPrefillSpec;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import dev.warpwright.kernels.attention.RmsNorm;
import dev.warpwright.kernels.attention.RmsNormSpec;
import dev.warpwright.kernels.attention.ScoreAccumulate;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec;
import dev.warpwright.kernels.attention.ScorePages;
import dev.warpwright.kernels.attention.ScorePagesSpec;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.kernels.attention.WindowScores;
import dev.warpwright.kernels.attention.WindowScoresSpec;
import dev.warpwright.tornado.TornadoFamily;
import dev.warpwright.tornado.TornadoKernelDevice;

/** The attention kernels on TornadoVM. */
public final class AttentionTornado extends TornadoFamily implements AttentionKernels {
  /** The family of {@code device}. */
  public AttentionTornado(TornadoKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    return switch (spec) {
      case RmsNormSpec norm -> fits("rows", norm.maxRows(), norm.columns());
      case AppendKvSpec append -> offers(append.pool());
      case PagedDecodeSpec decode -> offers(decode.pool());
      case PagedPrefillSpec prefill -> offers(prefill.pool());
      case WindowScoresSpec window -> offers(window.pool());
      case ScoreAccumulateSpec accumulate ->
          accumulate.statistic() == ScoreAccumulateSpec.Statistic.SUM
              ? Support.yes()
              : DoublesSelfTest.support(device());
      case SelectTokensSpec select -> offers(select.pool());
      case CompactKvSpec compact -> offers(compact.pool());
      case PageTransferSpec transfer -> offers(transfer.pool());
      case RerotateKeysSpec rerotate -> offers(rerotate.pool());
      case PageBoundsSpec bounds -> offers(bounds.pool());
      case ScorePagesSpec score -> offers(score.pool());
      case MergeSimilarKvSpec merge -> {
        Support doubles = DoublesSelfTest.support(device());
        yield doubles.supported() ? offers(merge.pool()) : doubles;
      }
      case MergeStatesSpec merge ->
          fits(
              "states",
              (long) merge.states() * merge.maxTokens(),
              (long) merge.queryHeads() * merge.headDim());
      default -> Support.no("not an attention kernel");
    };
  }

  private static Support offers(KvPoolSpec pool) {
    return fits("a pool", (long) pool.headPages() * pool.pageSize(), pool.headDim());
  }

  @Override
  public KvPool pool(KvPoolSpec spec) {
    Checks.notNull("spec", spec);
    device().requireOpen();
    Support support = offers(spec);
    if (!support.supported()) {
      throw new UnsupportedKernelException(device().place(), KernelId.APPEND_KV, support.reason());
    }
    return new KvPoolTornado(device(), spec);
  }

  @Override
  public RmsNorm rmsNorm(RmsNormSpec spec) {
    require(spec);
    return new RmsNormTornado(device(), spec);
  }

  @Override
  public AppendKv appendKv(AppendKvSpec spec, KvPool pool) {
    require(spec);
    return new AppendKvTornado(device(), spec, pool);
  }

  @Override
  public PagedDecode pagedDecode(PagedDecodeSpec spec, KvPool pool) {
    require(spec);
    return new PagedDecodeTornado(device(), spec, pool);
  }

  @Override
  public PagedPrefill pagedPrefill(PagedPrefillSpec spec, KvPool pool) {
    require(spec);
    return new PagedPrefillTornado(device(), spec, pool);
  }

  @Override
  public WindowScores windowScores(WindowScoresSpec spec, KvPool pool) {
    require(spec);
    return new WindowScoresTornado(device(), spec, pool);
  }

  @Override
  public ScoreAccumulate scoreAccumulate(ScoreAccumulateSpec spec, KvPool pool, SlotArray array) {
    require(spec);
    return new ScoreAccumulateTornado(device(), spec, pool, array);
  }

  @Override
  public SelectTokens selectTokens(SelectTokensSpec spec, KvPool pool) {
    require(spec);
    return new SelectTokensTornado(device(), spec, pool);
  }

  @Override
  public CompactKv compactKv(CompactKvSpec spec, KvPool pool) {
    require(spec);
    return new CompactKvTornado(device(), spec, pool);
  }

  @Override
  public PageTransfer pageTransfer(PageTransferSpec spec, KvPool pool) {
    require(spec);
    return new PageTransferTornado(device(), spec, pool);
  }

  @Override
  public RerotateKeys rerotateKeys(RerotateKeysSpec spec, KvPool pool) {
    require(spec);
    return new RerotateKeysTornado(device(), spec, pool);
  }

  @Override
  public PageBounds pageBounds(PageBoundsSpec spec, KvPool pool) {
    require(spec);
    return new PageBoundsTornado(device(), spec, pool);
  }

  @Override
  public ScorePages scorePages(ScorePagesSpec spec, KvPool pool) {
    require(spec);
    return new ScorePagesTornado(device(), spec, pool);
  }

  @Override
  public MergeSimilarKv mergeSimilarKv(MergeSimilarKvSpec spec, KvPool pool, SlotArray logCounts) {
    require(spec);
    return new MergeSimilarKvTornado(device(), spec, pool, logCounts);
  }

  @Override
  public MergeStates mergeStates(MergeStatesSpec spec) {
    require(spec);
    return new MergeStatesTornado(device(), spec);
  }
}
