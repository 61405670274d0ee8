#!/usr/bin/env bash
# The second job of .github/workflows/update.yml: makes a branch and a pull request of the patch that the first handed on.
# It holds the rights to do so, so it runs nothing of the new version: this is main's script, and the patch goes into
# Git's index alone.
set -e

gh run download "$GITHUB_RUN_ID" --name update --dir "$RUNNER_TEMP/proposed"
patch="$RUNNER_TEMP/proposed/update.patch"
git apply --cached --exclude='.github/workflows/*' "$patch"
pipelines=$(git apply --numstat --include='.github/workflows/*' "$patch")
version=$(git show :.copier-answers.yml | sed -n 's/^_commit: //p')
if ! [[ "$version" =~ ^[0-9A-Za-z.+-]+$ ]]; then
  echo "::error::The update names no valid version in .copier-answers.yml."
  exit 1
fi
branch="template-$version"
title="Update the template to $version"
gh auth setup-git
if ! git ls-remote --exit-code origin "refs/heads/$branch"; then
  git -c user.name=github-actions -c user.email=github-actions@users.noreply.github.com \
    commit --quiet --no-gpg-sign --message "$title" # this identity has no key, whatever the runner signs with
  if ! git push origin "HEAD:refs/heads/$branch"; then
    echo "::error::$version could not be pushed; see the reason above."
    exit 1
  fi
fi
found=$(gh pr list --head "$branch" --state all --json state,url --jq '.[0] // empty | "\(.state) \(.url)"')
case "$found" in
  OPEN*)
    echo "::warning::$version is waiting to be merged: ${found#* }"
    exit
    ;;
  CLOSED*)
    echo "::warning::$version was closed without being merged: ${found#* } Reopen it, or delete the branch $branch to have it again."
    exit
    ;;
  MERGED*)
    echo "::error::$version was merged, but main does not have it: ${found#* } Delete the branch $branch to have it again."
    exit 1
    ;;
esac
{
  echo "Merging this deploys it if pushes to main are deployed: see .github/workflows/README.md."
  if [ -n "$pipelines" ]; then
    DRAFT=true
    echo
    echo "**The new version also changes \`.github/workflows\`, which GitHub lets no workflow push. Read the changes, then add them:**"
    echo
    echo "    gh pr checkout $branch && gh run download $GITHUB_RUN_ID --name update --dir ../update"
    echo "    git apply --index --include='.github/workflows/*' ../update/update.patch"
    echo "    git commit --message 'Update the pipelines' && git push && gh pr ready"
  fi
  echo
  head --bytes 60000 "$RUNNER_TEMP/proposed/report.md" # GitHub's limit is 65536 characters
} > "$RUNNER_TEMP/body.md"
if ! gh pr create --head "$branch" --title "$title" --body-file "$RUNNER_TEMP/body.md" --draft="$DRAFT"; then
  echo "::error::$version is in the branch $branch, but the pull request could not be created. Allow GitHub Actions to create pull requests (see kit/docs/github.md), or run: gh pr create --head $branch"
  exit 1
fi
