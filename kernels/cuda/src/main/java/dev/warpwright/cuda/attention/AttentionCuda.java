package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaFamily;
import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.Support;
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

/** The attention kernels on CUDA. */
public final class AttentionCuda extends CudaFamily implements AttentionKernels {
  /** Kernels look some tiles of slots ahead in 32-bit integers. */
  private static final int MOST_SLOTS = Integer.MAX_VALUE - (1 << 16);

  /** Shared memory that a block of {@code score_pages.cu} may have on every device. */
  private static final int MOST_QUERY_BYTES = 96 << 10;

  /** The family of {@code device}. */
  public AttentionCuda(CudaKernelDevice device) {
    super(device);
  }

  @Override
  protected Support offers(KernelSpec spec) {
    return switch (spec) {
      case PagedDecodeSpec decode -> holds(decode.maxLength());
      case PagedPrefillSpec prefill -> holds(prefill.maxLength());
      case WindowScoresSpec window -> holds(window.maxLength());
      case SelectTokensSpec select -> holds(select.maxLength());
      case ScorePagesSpec score -> offers(score);
      default -> Support.yes();
    };
  }

  private static Support offers(ScorePagesSpec score) {
    return ScorePagesCuda.sharedBytes(score.heads()) > MOST_QUERY_BYTES
        ? Support.no("groups whose queries take more than " + MOST_QUERY_BYTES + " bytes")
        : Support.yes();
  }

  private static Support holds(int maxLength) {
    return maxLength > MOST_SLOTS
        ? Support.no("rows of more than " + MOST_SLOTS + " slots")
        : Support.yes();
  }

  @Override
  public KvPool pool(KvPoolSpec spec) {
    Checks.notNull("spec", spec);
    device().requireOpen();
    return new KvPoolCuda(device(), spec);
  }

  @Override
  public RmsNorm rmsNorm(RmsNormSpec spec) {
    require(spec);
    return new RmsNormCuda(device(), spec);
  }

  @Override
  public AppendKv appendKv(AppendKvSpec spec, KvPool pool) {
    require(spec);
    return new AppendKvCuda(device(), spec, pool);
  }

  @Override
  public PagedDecode pagedDecode(PagedDecodeSpec spec, KvPool pool) {
    require(spec);
    return new PagedDecodeCuda(device(), spec, pool);
  }

  @Override
  public PagedPrefill pagedPrefill(PagedPrefillSpec spec, KvPool pool) {
    require(spec);
    return new PagedPrefillCuda(device(), spec, pool);
  }

  @Override
  public WindowScores windowScores(WindowScoresSpec spec, KvPool pool) {
    require(spec);
    return new WindowScoresCuda(device(), spec, pool);
  }

  @Override
  public ScoreAccumulate scoreAccumulate(ScoreAccumulateSpec spec, KvPool pool, SlotArray array) {
    require(spec);
    return new ScoreAccumulateCuda(device(), spec, pool, array);
  }

  @Override
  public SelectTokens selectTokens(SelectTokensSpec spec, KvPool pool) {
    require(spec);
    return new SelectTokensCuda(device(), spec, pool);
  }

  @Override
  public CompactKv compactKv(CompactKvSpec spec, KvPool pool) {
    require(spec);
    return new CompactKvCuda(device(), spec, pool);
  }

  @Override
  public PageTransfer pageTransfer(PageTransferSpec spec, KvPool pool) {
    require(spec);
    return new PageTransferCuda(device(), spec, pool);
  }

  @Override
  public RerotateKeys rerotateKeys(RerotateKeysSpec spec, KvPool pool) {
    require(spec);
    return new RerotateKeysCuda(device(), spec, pool);
  }

  @Override
  public PageBounds pageBounds(PageBoundsSpec spec, KvPool pool) {
    require(spec);
    return new PageBoundsCuda(device(), spec, pool);
  }

  @Override
  public ScorePages scorePages(ScorePagesSpec spec, KvPool pool) {
    require(spec);
    return new ScorePagesCuda(device(), spec, pool);
  }

  @Override
  public MergeSimilarKv mergeSimilarKv(MergeSimilarKvSpec spec, KvPool pool, SlotArray logCounts) {
    require(spec);
    return new MergeSimilarKvCuda(device(), spec, pool, logCounts);
  }

  @Override
  public MergeStates mergeStates(MergeStatesSpec spec) {
    require(spec);
    return new MergeStatesCuda(device(), spec);
  }
}
